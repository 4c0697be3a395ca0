// SPDX-License-Identifier: Apache-2.0
// A thread makes the packs of channels of one window, so that windows overlap within the
// first-level cache, in several images: it reads its channels' numbers once.
#include "kernels/norm_max_pool_kernels.h"

#include <type_traits>

#include "kernels/image_walk.h"
#include "kernels/norm_lines.h"

namespace peclr::kernels {
namespace {

constexpr std::int64_t kBlocks = 1056;  // eight for each multiprocessor of an H100

// A window, and where this thread's pack begins in the channels.
struct Window {
  int row, column, channel;
  PECLR_DEVICE Window(int index, int width, int packs, int lanes)
      : row(index / packs / width), column(index / packs % width), channel(index % packs * lanes) {}
};

// The winners' places of a pack, in one access.
template <int kLanes>
struct alignas(kLanes) Places {
  std::uint8_t v[kLanes];
};

template <class T, int kLanes, class Channels>
struct NormMaxPool {
  using Floats = Pack<float, kLanes>;
  using Shared = NoShared;
  static constexpr int kThreads = ImageWalk::kThreads, kMinBlocks = 2;
  static constexpr bool kKeepsWinners = std::is_same_v<Channels, NormChannels>;
  struct Params {
    PoolExtent e;
    int out_width, packs, count;  // packs of a place and of an output image
    Channels channels;
    float slope;
    const T* x;
    T* y;
    PoolWinners<T> won;
  };

  PECLR_DEVICE static void run(const Params& p, Shared&) {
    const int index = ImageWalk::index();
    if (index >= p.count) return;
    const Window o(index, p.out_width, p.packs, kLanes);
    const NormLines<kLanes> line(p.channels, o.channel);
    const int top = 2 * o.row - 1, left = 2 * o.column - 1;
    ImageWalk::run(p.e.images, [&](std::int64_t image) {
      const T* x = p.x + image * p.e.height * p.e.width * p.e.channels + o.channel;
      Pack<T, kLanes> window[9];
      PECLR_UNROLL
      for (int k = 0; k < 9; ++k) {  // outside, a neighbour within: no branch between the loads
        const int r = min(max(top + k / 3, 0), p.e.height - 1);
        const int c = min(max(left + k % 3, 0), p.e.width - 1);
        window[k] = load_lanes<kLanes>(x + (r * p.e.width + c) * p.e.channels);
      }
      Floats best, of = to_floats(window[4]);
      Places<kLanes> places;
      for (int l = 0; l < kLanes; ++l) best[l] = -INFINITY, places.v[l] = 4;
      PECLR_UNROLL
      for (int k = 0; k < 9; ++k) {
        const int r = top + k / 3, c = left + k % 3;
        const bool inside = r >= 0 && r < p.e.height && c >= 0 && c < p.e.width;
        const Floats from = to_floats(window[k]);
        PECLR_UNROLL
        for (int l = 0; l < kLanes; ++l) {
          T rounded;
          store(rounded, leaky(line.at(l, from[l]), p.slope));
          const float v = to_float(rounded);
          const bool wins = inside && (v > best[l] || v != v);
          best[l] = wins ? v : best[l];
          of[l] = wins ? from[l] : of[l];
          places.v[l] = wins ? static_cast<std::uint8_t>(k) : places.v[l];
        }
      }
      const std::int64_t at = (image * p.count + index) * kLanes;
      store_lanes(p.y + at, best);
      if constexpr (kKeepsWinners) {
        store_lanes(p.won.x + at, of);
        *reinterpret_cast<Places<kLanes>*>(p.won.where + at) = places;
      }
    });
  }
};

// The four places in the middle and right below of window (row, column) lie in four windows. kHasG:
// what arrives is behind the activation already.
template <class T, int kLanes, bool kHasG>
struct NormMaxPoolGradient {
  using Floats = Pack<float, kLanes>;
  using Shared = NoShared;
  static constexpr int kThreads = ImageWalk::kThreads, kMinBlocks = 2;
  struct Params {
    PoolExtent e;
    int out_height, out_width, packs, count;  // as above
    NormArriving<T> in;
    NormBranch<T> norm;
    const std::uint8_t* where;
  };

  PECLR_DEVICE static void run(const Params& p, Shared&) {
    const int index = ImageWalk::index();
    if (index >= p.count) return;
    const Window o(index, p.out_width, p.packs, kLanes);
    const NormLines<kLanes> line(p.norm.channels, o.channel);
    Floats of_x, constant;
    PECLR_UNROLL
    for (int l = 0; l < kLanes; ++l) {
      of_x[l] = p.norm.coefficients[o.channel + l];
      constant[l] = p.norm.coefficients[p.e.channels + o.channel + l];
    }
    ImageWalk::run(p.e.images, [&](std::int64_t image) {
      const std::int64_t first = image * p.e.height * p.e.width * p.e.channels + o.channel;
      Pack<T, kLanes> g[4], x[4];
      Places<kLanes> places[4];
      PECLR_UNROLL
      for (int k = 0; k < 4; ++k) {
        const int r = min(2 * o.row + k / 2, p.e.height - 1);
        const int c = min(2 * o.column + k % 2, p.e.width - 1);
        x[k] = load_lanes_streaming<kLanes>(p.norm.x + first + (r * p.e.width + c) * p.e.channels);
      }
      PECLR_UNROLL
      for (int w = 0; w < 4; ++w) {
        const int r = min(o.row + w / 2, p.out_height - 1);
        const int c = min(o.column + w % 2, p.out_width - 1);
        const std::int64_t at =
            image * p.count * kLanes + (r * p.out_width + c) * p.e.channels + o.channel;
        g[w] = load_lanes<kLanes>(p.in.dy + at);
        places[w] = *reinterpret_cast<const Places<kLanes>*>(p.where + at);
      }
      PECLR_UNROLL
      for (int k = 0; k < 4; ++k) {
        const int down = k / 2, right = k % 2, r = 2 * o.row + down, c = 2 * o.column + right;
        if (r >= p.e.height || c >= p.e.width) continue;
        Floats sum{};
        PECLR_UNROLL
        for (int w = 0; w < 4; ++w) {  // an even place lies in one window, an odd one in two
          const int below = w / 2, beside = w % 2;
          if (below > down || beside > right) continue;
          const bool exists = o.row + below < p.out_height && o.column + beside < p.out_width;
          const int place = (1 + down - 2 * below) * 3 + 1 + right - 2 * beside;
          const Floats sent = to_floats(g[w]);
          PECLR_UNROLL
          for (int l = 0; l < kLanes; ++l)
            sum[l] += exists && places[w].v[l] == place ? sent[l] : 0.f;
        }
        const Floats at = to_floats(x[k]);
        PECLR_UNROLL
        for (int l = 0; l < kLanes; ++l) {
          if constexpr (!kHasG) sum[l] = leaky_gradient(sum[l], line.at(l, at[l]), p.in.slope);
          sum[l] = fmaf(line.scale[l], sum[l], fmaf(of_x[l], at[l], constant[l]));
        }
        store_lanes(p.norm.dx + first + (r * p.e.width + c) * p.e.channels, sum);
      }
    });
  }
};

template <class T, class Channels>
void apply(const PoolExtent& e, const Channels& channels, float slope, const T* x, T* y,
           const PoolWinners<T>& won, Stream stream) {
  check_image(e);
  with_lanes<T>(e.channels, {x, y, won.where, won.x}, [&]<int kLanes>() {
    const int packs = e.channels / kLanes, count = e.out_height() * e.out_width() * packs;
    launch<NormMaxPool<T, kLanes, Channels>>(
        ImageWalk::grid(e.images, count, kBlocks),
        {e, e.out_width(), packs, count, channels, slope, x, y, won}, stream);
  });
}

}  // namespace

template <class T>
void norm_max_pool(const PoolExtent& e, const NormChannels& channels, float slope, const T* x, T* y,
                   const PoolWinners<T>& won, Stream stream) {
  apply(e, channels, slope, x, y, won, stream);
}

template <class T>
void norm_max_pool_running(const PoolExtent& e, const NormRunning& channels, float slope,
                           const T* x, T* y, Stream stream) {
  apply(e, channels, slope, x, y, {}, stream);
}

template <class T>
void norm_max_pool_gradient(const PoolExtent& e, const NormArriving<T>& in,
                            const NormBranch<T>& branch, const std::uint8_t* where, Stream stream) {
  check_image(e);
  with_lanes<T>(e.channels, {branch.x, branch.dx, in.dy, where}, [&]<int kLanes>() {
    const auto run = [&]<bool kHasG>() {
      const int packs = e.channels / kLanes, count = e.out_height() * e.out_width() * packs;
      launch<NormMaxPoolGradient<T, kLanes, kHasG>>(
          ImageWalk::grid(e.images, count, kBlocks),
          {e, e.out_height(), e.out_width(), packs, count, in, branch, where}, stream);
    };
    if (in.leaves_g())
      run.template operator()<true>();
    else
      run.template operator()<false>();
  });
}

#define PECLR_INSTANTIATE(T)                                                                     \
  template void norm_max_pool<T>(const PoolExtent&, const NormChannels&, float, const T*, T*,    \
                                 const PoolWinners<T>&, Stream);                                 \
  template void norm_max_pool_running<T>(const PoolExtent&, const NormRunning&, float, const T*, \
                                         T*, Stream);                                            \
  template void norm_max_pool_gradient<T>(const PoolExtent&, const NormArriving<T>&,             \
                                          const NormBranch<T>&, const std::uint8_t*, Stream);
PECLR_INSTANTIATE(float)
PECLR_INSTANTIATE(bf16)

}  // namespace peclr::kernels
