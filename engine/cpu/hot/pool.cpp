// SPDX-License-Identifier: Apache-2.0
#include "engine/cpu/hot/pool.h"

#include "engine/parallel.h"

PECLR_BEGIN
namespace {

constexpr int kLanes = 16;

// Runs body(n, first channel, lanes) over groups of channels that lie side by side.
template <class F>
inline void for_groups(const PoolExtent& e, F body) {
  const std::int64_t lanes = e.block % kLanes == 0 ? kLanes : e.block % 8 == 0 ? 8 : 1;
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
void max_pool(const PoolExtent& e, const T* x, T* y, std::uint8_t* where) {
  const std::int64_t oh = (e.height + 1) / 2, ow = (e.width + 1) / 2;
  for_groups(e, [&](std::int64_t n, std::int64_t c, std::int64_t lanes) {
    const T* in = x + offset(e, n, c, e.height * e.width);
    const std::int64_t out = offset(e, n, c, oh * ow);
    for (std::int64_t i = 0; i < oh; ++i)
      for (std::int64_t j = 0; j < ow; ++j) {
        float best[kLanes];
        int place[kLanes];
        for (std::int64_t l = 0; l < lanes; ++l) best[l] = -__builtin_inff(), place[l] = 4;
        for (int k = 0; k < 9; ++k) {
          const std::int64_t r = 2 * i - 1 + k / 3, s = 2 * j - 1 + k % 3;
          if (r < 0 || r >= e.height || s < 0 || s >= e.width) continue;
          const T* at = in + (r * e.width + s) * e.block;
          for (std::int64_t l = 0; l < lanes; ++l) {
            const float v = to_float(at[l]);
            const bool wins = v > best[l] || v != v;  // a NaN wins and stays
            best[l] = wins ? v : best[l];
            place[l] = wins ? k : place[l];
          }
        }
        const std::int64_t at = out + (i * ow + j) * e.block;
        for (std::int64_t l = 0; l < lanes; ++l) {
          store(y[at + l], best[l]);
          where[at + l] = static_cast<std::uint8_t>(place[l]);
        }
      }
  });
}

template <class T>
void max_pool_backward(const PoolExtent& e, const T* dy, const std::uint8_t* where, T* dx) {
  const std::int64_t oh = (e.height + 1) / 2, ow = (e.width + 1) / 2;
  for_groups(e, [&](std::int64_t n, std::int64_t c, std::int64_t lanes) {
    T* out = dx + offset(e, n, c, e.height * e.width);
    const std::int64_t in = offset(e, n, c, oh * ow);
    for (std::int64_t r = 0; r < e.height; ++r)
      for (std::int64_t s = 0; s < e.width; ++s) {
        float sum[kLanes] = {};
        // The windows that hold (r, s): one or two a side.
        for (std::int64_t i = r / 2; i <= (r + 1) / 2 && i < oh; ++i)
          for (std::int64_t j = s / 2; j <= (s + 1) / 2 && j < ow; ++j) {
            const int place = static_cast<int>((r - (2 * i - 1)) * 3 + (s - (2 * j - 1)));
            const std::int64_t at = in + (i * ow + j) * e.block;
            for (std::int64_t l = 0; l < lanes; ++l)
              sum[l] += where[at + l] == place ? to_float(dy[at + l]) : 0.f;
          }
        for (std::int64_t l = 0; l < lanes; ++l)
          store(out[(r * e.width + s) * e.block + l], sum[l]);
      }
  });
}

template <class T>
void mean_pool(const PoolExtent& e, const T* x, float* y) {
  const std::int64_t positions = e.height * e.width;
  for_groups(e, [&](std::int64_t n, std::int64_t c, std::int64_t lanes) {
    const T* in = x + offset(e, n, c, positions);
    float sum[kLanes] = {};
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
    T share[kLanes];
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

#define PECLR_INSTANTIATE(T)                                                                \
  template void max_pool<T>(const PoolExtent&, const T*, T*, std::uint8_t*);                \
  template void max_pool_backward<T>(const PoolExtent&, const T*, const std::uint8_t*, T*); \
  template void mean_pool<T>(const PoolExtent&, const T*, float*);                          \
  template void mean_pool_backward<T>(const PoolExtent&, const float*, T*);                 \
  template void add_into<T>(std::int64_t, const T*, T*);
PECLR_INSTANTIATE(float)
PECLR_INSTANTIATE(bf16)

PECLR_END
