// SPDX-License-Identifier: Apache-2.0
#include "kernels/pool_kernels.h"

#include "kernels/image_walk.h"
#include "kernels/lanes.h"
#include "kernels/launch.h"

namespace peclr::kernels {
namespace {

template <class T, int kLanes>
struct MeanPool {
  using Shared = NoShared;
  static constexpr int kThreads = ImageWalk::kThreads;
  struct Params {
    std::int64_t count;  // of packs of the output
    int positions, packs;
    const T* x;
    float* y;
  };

  PECLR_DEVICE static void run(const Params& p, Shared&) {
    const std::int64_t index = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
    if (index >= p.count) return;
    const std::int64_t image = index / p.packs;
    const T* x = p.x + (image * p.positions * p.packs + index % p.packs) * kLanes;
    Pack<float, kLanes> sum{};
    constexpr int kUnroll = 8;
    for (int first = 0; first < p.positions; first += kUnroll) {
      Pack<T, kLanes> loaded[kUnroll];
      PECLR_UNROLL
      for (int u = 0; u < kUnroll; ++u)
        loaded[u] = load_lanes<kLanes>(x + (first + u < p.positions ? first + u : first) * p.packs *
                                               kLanes);
      PECLR_UNROLL
      for (int u = 0; u < kUnroll; ++u) {
        const Pack<float, kLanes> v = to_floats(loaded[u]);
        PECLR_UNROLL
        for (int l = 0; l < kLanes; ++l) sum[l] += first + u < p.positions ? v[l] : 0.f;
      }
    }
    PECLR_UNROLL
    for (int l = 0; l < kLanes; ++l)
      p.y[index * kLanes + l] = sum[l] / static_cast<float>(p.positions);
  }
};

template <class T, int kLanes>
struct MeanPoolBackward {
  using Shared = NoShared;
  static constexpr int kThreads = ImageWalk::kThreads;
  struct Params {
    std::int64_t images;
    int positions, packs;
    const float* dy;
    T* dx;
  };

  PECLR_DEVICE static void run(const Params& p, Shared&) {
    const int index = ImageWalk::index();
    if (index >= p.positions * p.packs) return;
    ImageWalk::run(p.images, [&](std::int64_t image) {
      const float* dy = p.dy + (image * p.packs + index % p.packs) * kLanes;
      Pack<float, kLanes> share;
      PECLR_UNROLL
      for (int l = 0; l < kLanes; ++l) share[l] = dy[l] / static_cast<float>(p.positions);
      store_lanes(p.dx + (image * p.positions * p.packs + index) * kLanes, share);
    });
  }
};

}  // namespace

template <class T>
void mean_pool(const PoolExtent& e, const T* x, float* y, Stream stream) {
  check_image(e);
  with_lanes<T>(e.channels, {x}, [&]<int kLanes>() {
    const int packs = e.channels / kLanes;
    launch<MeanPool<T, kLanes>>({.x = blocks_for(e.images * packs, ImageWalk::kThreads)},
                                {e.images * packs, e.height * e.width, packs, x, y}, stream);
  });
}

template <class T>
void mean_pool_backward(const PoolExtent& e, const float* dy, T* dx, Stream stream) {
  check_image(e);
  with_lanes<T>(e.channels, {dx}, [&]<int kLanes>() {
    const int packs = e.channels / kLanes, positions = e.height * e.width;
    launch<MeanPoolBackward<T, kLanes>>(ImageWalk::grid(e.images, positions * packs),
                                        {e.images, positions, packs, dy, dx}, stream);
  });
}

#define PECLR_INSTANTIATE(T)                                               \
  template void mean_pool<T>(const PoolExtent&, const T*, float*, Stream); \
  template void mean_pool_backward<T>(const PoolExtent&, const float*, T*, Stream);
PECLR_INSTANTIATE(float)
PECLR_INSTANTIATE(bf16)

}  // namespace peclr::kernels
