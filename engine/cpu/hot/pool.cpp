// SPDX-License-Identifier: Apache-2.0
#include "engine/cpu/hot/pool.h"

#include "engine/parallel.h"

PECLR_BEGIN
namespace {

constexpr int kMostLanes = 16;

// Runs body(n, first channel, lanes) over groups of channels that lie side by side.
template <class F>
inline void for_groups(const PoolExtent& e, F body) {
  const std::int64_t lanes = e.block % kMostLanes == 0 ? kMostLanes : e.block % 8 == 0 ? 8 : 1;
  const std::int64_t groups = e.channels / lanes;
  parallel_for(e.images * groups, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) body(i / groups, i % groups * lanes, lanes);
  });
}

inline std::int64_t offset(const PoolExtent& e, std::int64_t n, std::int64_t c,
                           std::int64_t positions) {
  return ((n * (e.channels / e.block) + c / e.block) * positions) * e.block + c % e.block;
}

}  // namespace

template <class T>
void mean_pool(const PoolExtent& e, const T* x, float* y) {
  const std::int64_t positions = e.height * e.width;
  for_groups(e, [&](std::int64_t n, std::int64_t c, std::int64_t lanes) {
    const T* in = x + offset(e, n, c, positions);
    float sum[kMostLanes] = {};
    for (std::int64_t p = 0; p < positions; ++p)
      for (std::int64_t l = 0; l < lanes; ++l) sum[l] += to_float(in[p * e.block + l]);
    for (std::int64_t l = 0; l < lanes; ++l)
      y[n * e.channels + c + l] = sum[l] / static_cast<float>(positions);
  });
}

template <class T>
void mean_pool_backward(const PoolExtent& e, const float* dy, T* dx) {
  const std::int64_t positions = e.height * e.width;
  for_groups(e, [&](std::int64_t n, std::int64_t c, std::int64_t lanes) {
    T* out = dx + offset(e, n, c, positions);
    T share[kMostLanes];
    for (std::int64_t l = 0; l < lanes; ++l)
      store(share[l], dy[n * e.channels + c + l] / static_cast<float>(positions));
    for (std::int64_t p = 0; p < positions; ++p)
      for (std::int64_t l = 0; l < lanes; ++l) out[p * e.block + l] = share[l];
  });
}

template <class T>
void add_into(std::int64_t count, const T* x, T* into) {
  parallel_for(count, 1 << 16, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) store(into[i], to_float(into[i]) + to_float(x[i]));
  });
}

#define PECLR_INSTANTIATE(T)                                                \
  template void mean_pool<T>(const PoolExtent&, const T*, float*);          \
  template void mean_pool_backward<T>(const PoolExtent&, const float*, T*); \
  template void add_into<T>(std::int64_t, const T*, T*);
PECLR_INSTANTIATE(float)
PECLR_INSTANTIATE(bf16)

PECLR_END
