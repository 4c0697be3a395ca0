// SPDX-License-Identifier: Apache-2.0
// A thread makes the packs of channels of one window; neighbouring threads take neighbouring packs,
// then columns, then rows, so that windows overlap within the first-level cache. blockIdx.y goes
// over images: indices within one are 32 bits.
#include "kernels/pool_kernels.h"

#include <algorithm>

#include "kernels/lanes.h"
#include "kernels/launch.h"

namespace peclr::kernels {
namespace {

constexpr int kBlock = 256;

// Grid for `packs` packs of each image, one a thread.
Grid grid_of(std::int64_t images, std::int64_t packs) {
  return {.x = blocks_for(packs, kBlock),
          .y = static_cast<unsigned>(std::min<std::int64_t>(images, 65535))};
}

PECLR_DEVICE int index_in_image() { return static_cast<int>(blockIdx.x * kBlock + threadIdx.x); }

// body(image) for every image of this block.
template <class F>
PECLR_DEVICE void for_images(std::int64_t images, F body) {
  for (std::int64_t image = blockIdx.y; image < images; image += gridDim.y) body(image);
}

// A window, and where this thread's pack begins in the channels.
struct Window {
  int row, column, channel;
  PECLR_DEVICE Window(int index, int width, int packs, int lanes)
      : row(index / packs / width), column(index / packs % width), channel(index % packs * lanes) {}
};

// The winners' places of a pack, in one access.
template <int kLanes>
struct alignas(kLanes) Winners {
  std::uint8_t place[kLanes];
};

template <class T, int kLanes>
struct MaxPool {
  using Shared = NoShared;
  static constexpr int kThreads = kBlock;
  struct Params {
    PoolExtent e;
    int out_width, packs, count;  // packs of a place and of an output image
    const T* x;
    T* y;
    std::uint8_t* where;
  };

  PECLR_DEVICE static void run(const Params& p, Shared&) {
    const int index = index_in_image();
    if (index >= p.count) return;
    const Window o(index, p.out_width, p.packs, kLanes);
    const int top = 2 * o.row - 1, left = 2 * o.column - 1;
    for_images(p.e.images, [&](std::int64_t image) {
      const T* x = p.x + image * p.e.height * p.e.width * p.e.channels + o.channel;
      Pack<T, kLanes> window[9];
      PECLR_UNROLL
      for (int k = 0; k < 9; ++k) {  // outside, a neighbour within: no branch between the loads
        const int r = min(max(top + k / 3, 0), p.e.height - 1);
        const int c = min(max(left + k % 3, 0), p.e.width - 1);
        window[k] = load_lanes<kLanes>(x + (r * p.e.width + c) * p.e.channels);
      }
      Pack<float, kLanes> best;
      Winners<kLanes> winners;
      for (int l = 0; l < kLanes; ++l) best[l] = -INFINITY, winners.place[l] = 4;
      PECLR_UNROLL
      for (int k = 0; k < 9; ++k) {
        const int r = top + k / 3, c = left + k % 3;
        const bool inside = r >= 0 && r < p.e.height && c >= 0 && c < p.e.width;
        const Pack<float, kLanes> v = to_floats(window[k]);
        PECLR_UNROLL
        for (int l = 0; l < kLanes; ++l) {
          const bool wins = inside && (v[l] > best[l] || v[l] != v[l]);
          best[l] = wins ? v[l] : best[l];
          winners.place[l] = wins ? static_cast<std::uint8_t>(k) : winners.place[l];
        }
      }
      const std::int64_t at = (image * p.count + index) * kLanes;
      store_lanes(p.y + at, best);
      *reinterpret_cast<Winners<kLanes>*>(p.where + at) = winners;
    });
  }
};

// The four places in the middle and right below of window (row, column) lie in four windows.
template <class T, int kLanes>
struct MaxPoolBackward {
  using Shared = NoShared;
  static constexpr int kThreads = kBlock;
  struct Params {
    PoolExtent e;
    int out_height, out_width, packs, count;  // as above
    const T* dy;
    const std::uint8_t* where;
    T* dx;
  };

  PECLR_DEVICE static void run(const Params& p, Shared&) {
    const int index = index_in_image();
    if (index >= p.count) return;
    const Window o(index, p.out_width, p.packs, kLanes);
    for_images(p.e.images, [&](std::int64_t image) {
      Pack<T, kLanes> dy[2][2];
      Winners<kLanes> winners[2][2];
      PECLR_UNROLL
      for (int k = 0; k < 4; ++k) {
        const int r = min(o.row + k / 2, p.out_height - 1);
        const int c = min(o.column + k % 2, p.out_width - 1);
        const std::int64_t at =
            image * p.count * kLanes + (r * p.out_width + c) * p.e.channels + o.channel;
        dy[k / 2][k % 2] = load_lanes<kLanes>(p.dy + at);
        winners[k / 2][k % 2] = *reinterpret_cast<const Winners<kLanes>*>(p.where + at);
      }
      T* dx = p.dx + image * p.e.height * p.e.width * p.e.channels + o.channel;
      PECLR_UNROLL
      for (int k = 0; k < 4; ++k) {
        const int down = k / 2, right = k % 2, r = 2 * o.row + down, c = 2 * o.column + right;
        if (r >= p.e.height || c >= p.e.width) continue;
        Pack<float, kLanes> sum{};
        PECLR_UNROLL
        for (int w = 0; w < 4; ++w) {  // an even place lies in one window, an odd one in two
          const int below = w / 2, beside = w % 2;
          if (below > down || beside > right) continue;
          const bool exists = o.row + below < p.out_height && o.column + beside < p.out_width;
          const int place = (1 + down - 2 * below) * 3 + 1 + right - 2 * beside;
          const Pack<float, kLanes> g = to_floats(dy[below][beside]);
          PECLR_UNROLL
          for (int l = 0; l < kLanes; ++l)
            sum[l] += exists && winners[below][beside].place[l] == place ? g[l] : 0.f;
        }
        store_lanes(dx + (r * p.e.width + c) * p.e.channels, sum);
      }
    });
  }
};

template <class T, int kLanes>
struct MeanPool {
  using Shared = NoShared;
  static constexpr int kThreads = kBlock;
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
  static constexpr int kThreads = kBlock;
  struct Params {
    std::int64_t images;
    int positions, packs;
    const float* dy;
    T* dx;
  };

  PECLR_DEVICE static void run(const Params& p, Shared&) {
    const int index = index_in_image();
    if (index >= p.positions * p.packs) return;
    for_images(p.images, [&](std::int64_t image) {
      const float* dy = p.dy + (image * p.packs + index % p.packs) * kLanes;
      Pack<float, kLanes> share;
      PECLR_UNROLL
      for (int l = 0; l < kLanes; ++l) share[l] = dy[l] / static_cast<float>(p.positions);
      store_lanes(p.dx + (image * p.positions * p.packs + index) * kLanes, share);
    });
  }
};

void check_image(const PoolExtent& e) {
  require(e.height > 0 && e.width > 0 && e.channels > 0 &&
              static_cast<std::int64_t>(e.height) * e.width * e.channels <= 0x7FFFFFFF,
          "pooling: an image needs 1 to 2^31 - 1 values");
}

}  // namespace

template <class T>
void max_pool(const PoolExtent& e, const T* x, T* y, std::uint8_t* where, Stream stream) {
  check_image(e);
  with_lanes<T>(e.channels, {x, y, where}, [&]<int kLanes>() {
    const int packs = e.channels / kLanes, count = e.out_height() * e.out_width() * packs;
    launch<MaxPool<T, kLanes>>(grid_of(e.images, count),
                               {e, e.out_width(), packs, count, x, y, where}, stream);
  });
}

template <class T>
void max_pool_backward(const PoolExtent& e, const T* dy, const std::uint8_t* where, T* dx,
                       Stream stream) {
  check_image(e);
  with_lanes<T>(e.channels, {dy, where, dx}, [&]<int kLanes>() {
    const int packs = e.channels / kLanes, count = e.out_height() * e.out_width() * packs;
    launch<MaxPoolBackward<T, kLanes>>(
        grid_of(e.images, count), {e, e.out_height(), e.out_width(), packs, count, dy, where, dx},
        stream);
  });
}

template <class T>
void mean_pool(const PoolExtent& e, const T* x, float* y, Stream stream) {
  check_image(e);
  with_lanes<T>(e.channels, {x}, [&]<int kLanes>() {
    const int packs = e.channels / kLanes;
    launch<MeanPool<T, kLanes>>({.x = blocks_for(e.images * packs, kBlock)},
                                {e.images * packs, e.height * e.width, packs, x, y}, stream);
  });
}

template <class T>
void mean_pool_backward(const PoolExtent& e, const float* dy, T* dx, Stream stream) {
  check_image(e);
  with_lanes<T>(e.channels, {dx}, [&]<int kLanes>() {
    const int packs = e.channels / kLanes, positions = e.height * e.width;
    launch<MeanPoolBackward<T, kLanes>>(grid_of(e.images, positions * packs),
                                        {e.images, positions, packs, dy, dx}, stream);
  });
}

#define PECLR_INSTANTIATE(T)                                                               \
  template void max_pool<T>(const PoolExtent&, const T*, T*, std::uint8_t*, Stream);       \
  template void max_pool_backward<T>(const PoolExtent&, const T*, const std::uint8_t*, T*, \
                                     Stream);                                              \
  template void mean_pool<T>(const PoolExtent&, const T*, float*, Stream);                 \
  template void mean_pool_backward<T>(const PoolExtent&, const float*, T*, Stream);
PECLR_INSTANTIATE(float)
PECLR_INSTANTIATE(bf16)

}  // namespace peclr::kernels
