// SPDX-License-Identifier: Apache-2.0
#include "engine/cpu/hot/pool.h"

#include "engine/cpu/hot/float_lanes.h"
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

// Runs body(plane, row) over rows of all planes: an image's channels of one block.
template <class F>
inline void for_plane_rows(const PoolExtent& e, std::int64_t rows, F body) {
  const std::int64_t planes = e.images * (e.channels / e.block);
  parallel_for(planes * rows, 16, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) body(i / rows, i % rows);
  });
}

inline std::int64_t offset(const PoolExtent& e, std::int64_t n, std::int64_t c,
                           std::int64_t positions) {
  return ((n * (e.channels / e.block) + c / e.block) * positions) * e.block + c % e.block;
}

}  // namespace

template <class T>
void max_pool(const PoolExtent& e, const T* x, T* y, std::uint8_t* where) {
  const std::int64_t oh = (e.height + 1) / 2, ow = (e.width + 1) / 2, block = e.block;
  with_lanes(block, [&]<int L>() {
    using Places = typename LaneTypes<L>::U;
    for_plane_rows(e, oh, [&](std::int64_t plane, std::int64_t i) {
      const T* in = x + plane * e.height * e.width * block;
      for (std::int64_t at = (plane * oh + i) * ow * block, j = 0; j < ow; ++j)
        for (std::int64_t c = 0; c < block; c += L, at += L) {
          auto best = typename LaneTypes<L>::F{} - __builtin_inff();
          Places place = Places{} + 4;
          for (std::uint32_t k = 0; k < 9; ++k) {
            const std::int64_t r = 2 * i - 1 + k / 3, s = 2 * j - 1 + k % 3;
            if (r < 0 || r >= e.height || s < 0 || s >= e.width) continue;
            const auto v = FloatLanes<L>::of(in + (r * e.width + s) * block + c).v;
            const auto wins = (v > best) | (v != v);  // a NaN wins and stays
            best = wins ? v : best;
            place = wins ? Places{} + k : place;
          }
          FloatLanes<L>{best}.to(y + at);
          const auto bytes = LaneTypes<L>::to_bytes(place);
          std::memcpy(where + at, &bytes, sizeof bytes);
        }
    });
  });
}

template <class T>
void max_pool_backward(const PoolExtent& e, const T* dy, const std::uint8_t* where, T* dx) {
  const std::int64_t oh = (e.height + 1) / 2, ow = (e.width + 1) / 2, block = e.block;
  with_lanes(block, [&]<int L>() {
    for_plane_rows(e, e.height, [&](std::int64_t plane, std::int64_t r) {
      const std::int64_t in = plane * oh * ow * block;
      T* out = dx + (plane * e.height + r) * e.width * block;
      for (std::int64_t s = 0; s < e.width; ++s)
        for (std::int64_t c = 0; c < block; c += L, out += L) {
          typename LaneTypes<L>::F sum{};
          // The windows that hold (r, s): one or two a side.
          for (std::int64_t i = r / 2; i <= (r + 1) / 2 && i < oh; ++i)
            for (std::int64_t j = s / 2; j <= (s + 1) / 2 && j < ow; ++j) {
              const auto place =
                  static_cast<std::uint32_t>((r - (2 * i - 1)) * 3 + (s - (2 * j - 1)));
              const std::int64_t at = in + (i * ow + j) * block + c;
              typename LaneTypes<L>::B bytes;
              std::memcpy(&bytes, where + at, sizeof bytes);
              const auto g = FloatLanes<L>::of(dy + at).v;
              sum += LaneTypes<L>::from_bytes(bytes) == place ? g : decltype(sum){};
            }
          FloatLanes<L>{sum}.to(out);
        }
    });
  });
}

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

#define PECLR_INSTANTIATE(T)                                                                \
  template void max_pool<T>(const PoolExtent&, const T*, T*, std::uint8_t*);                \
  template void max_pool_backward<T>(const PoolExtent&, const T*, const std::uint8_t*, T*); \
  template void mean_pool<T>(const PoolExtent&, const T*, float*);                          \
  template void mean_pool_backward<T>(const PoolExtent&, const float*, T*);                 \
  template void add_into<T>(std::int64_t, const T*, T*);
PECLR_INSTANTIATE(float)
PECLR_INSTANTIATE(bf16)

PECLR_END
