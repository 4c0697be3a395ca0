// SPDX-License-Identifier: Apache-2.0
// Batch normalisation forward: one pass for the sums (reads x), one that applies the line (reads x
// and residual, writes y). The second goes from the last row to the first, so that it begins with
// what the cache still holds.
#include "kernels/column_reduce.h"
#include "kernels/column_walk.h"
#include "kernels/norm_lines.h"

namespace peclr::kernels {
namespace {

template <class T, int kLanes>
struct Statistics {
  using Floats = Pack<float, kLanes>;
  using Reduce = ColumnReduce<kLanes, 2, 8>;
  using Sums = typename Reduce::Sums;
  using Shared = typename Reduce::Shared;
  static constexpr int kThreads = Reduce::kThreads, kMinBlocks = Reduce::kMinBlocks;
  struct Params {
    ColumnShares shares;
    const T* x;
    NormBatch out;
    ColumnScratch scratch;
  };

  PECLR_DEVICE static void run(const Params& p, Shared& s) {
    const int channels = p.shares.packs * kLanes, first = Reduce::pack() * kLanes;
    const Floats origin = to_floats(load_lanes<kLanes>(p.x + (first < channels ? first : 0)));
    const auto load = [&](std::int64_t row) {
      return load_lanes<kLanes>(p.x + row * channels + first);
    };
    const auto add = [&](std::int64_t, const Pack<T, kLanes>& loaded, Sums& sums) {
      const Floats x = to_floats(loaded);
      PECLR_UNROLL
      for (int l = 0; l < kLanes; ++l) {
        const float v = x[l] - origin[l];
        sums[0][l] += v;
        sums[1][l] = fmaf(v, v, sums[1][l]);
      }
    };
    if (!Reduce::run(p.shares, p.scratch, s, load, add) || !Reduce::has_channel(p.shares)) return;
    const int c = Reduce::channel();
    const NormMoments m = norm_moments({static_cast<double>(p.shares.rows), to_float(p.x[c]),
                                        Reduce::total(s, 0), Reduce::total(s, 1)},
                                       p.out.eps);
    p.out.mean[c] = m.mean;
    p.out.inv_std[c] = m.inv_std;
    norm_follow(p.out.running_mean[c], m.mean, p.out.momentum);
    norm_follow(p.out.running_variance[c], m.sample_variance, p.out.momentum);
  }
};

enum class Residual { none, as_it_is, on_lines };

template <class T, int kLanes, class Channels, Residual kResidual>
struct Forward {
  using Floats = Pack<float, kLanes>;
  using Shared = NoShared;
  static constexpr int kThreads = ColumnWalk::kThreads, kMinBlocks = 3;
  static constexpr bool kAdds = kResidual != Residual::none;
  static constexpr int kUnroll = kResidual == Residual::on_lines ? 3 : kAdds ? 4 : 8;
  static constexpr bool kSigns = kAdds && std::is_same_v<Channels, NormChannels>;
  struct Params {
    ColumnShares shares;
    Channels channels;
    float slope;
    const T* x;
    NormResidual<T, Channels> residual;
    T* y;
    std::uint8_t* signs;
  };
  struct Loaded {
    Pack<T, kLanes> x, residual;
  };

  PECLR_DEVICE static void run(const Params& p, Shared&) {
    const int pack = ColumnWalk::pack();
    if (pack >= p.shares.packs) return;
    const NormLines<kLanes> line(p.channels, pack * kLanes);
    const NormLines<kLanes> beside(
        kResidual == Residual::on_lines ? p.residual.channels : p.channels, pack * kLanes);
    const auto load = [&](std::int64_t at) {
      Loaded in;
      in.x = load_lanes_streaming<kLanes>(p.x + at);
      if constexpr (kAdds) in.residual = load_lanes_streaming<kLanes>(p.residual.x + at);
      return in;
    };
    ColumnWalk::run<kLanes, kUnroll>(p.shares, pack, load, [&](std::int64_t at, const Loaded& in) {
      Floats v = to_floats(in.x), residual{};
      if constexpr (kAdds) residual = to_floats(in.residual);
      unsigned signs = 0;
      PECLR_UNROLL
      for (int l = 0; l < kLanes; ++l) {
        if constexpr (kResidual == Residual::on_lines) residual[l] = beside.at(l, residual[l]);
        const float value = line.at(l, v[l]) + residual[l];
        signs |= static_cast<unsigned>(value > 0.f) << l;
        v[l] = leaky(value, p.slope);
      }
      store_lanes(p.y + at, v);
      if constexpr (kSigns) p.signs[at / kLanes] = static_cast<std::uint8_t>(signs);
    });
  }
};

template <class T, class Channels>
void apply(const NormExtent& e, const Channels& channels, float slope, const T* x,
           const NormResidual<T, Channels>& residual, T* y, std::uint8_t* signs, Stream stream) {
  with_norm_lanes<T>(e, signs, {x, residual.x, y}, [&]<int kLanes>() {
    const auto run = [&]<Residual kResidual>() {
      using Kernel = Forward<T, kLanes, Channels, kResidual>;
      const ColumnShares shares = ColumnWalk::shares(e.rows, e.channels, kLanes, Kernel::kUnroll);
      launch<Kernel>(grid_of(shares), {shares, channels, slope, x, residual, y, signs}, stream);
    };
    if (!residual.x)
      run.template operator()<Residual::none>();
    else if (!residual.channels.gamma)
      run.template operator()<Residual::as_it_is>();
    else
      run.template operator()<Residual::on_lines>();
  });
}

}  // namespace

template <class T>
void norm_statistics(const NormExtent& e, const T* x, const NormBatch& out,
                     const ColumnScratch& scratch, Stream stream) {
  with_lanes<T>(e.channels, {x}, [&]<int kLanes>() {
    using Kernel = Statistics<T, kLanes>;
    const ColumnShares shares = Kernel::Reduce::shares(e.rows, e.channels);
    launch<Kernel>(grid_of(shares), {shares, x, out, scratch}, stream);
  });
}

template <class T>
void norm_apply(const NormExtent& e, const NormChannels& channels, float slope, const T* x,
                const NormResidual<T, NormChannels>& residual, T* y, std::uint8_t* signs,
                Stream stream) {
  require(!residual.x || signs, "norm: with a residual, there is no place for signs");
  apply(e, channels, slope, x, residual, y, signs, stream);
}

template <class T>
void norm_apply_running(const NormExtent& e, const NormRunning& channels, float slope, const T* x,
                        const NormResidual<T, NormRunning>& residual, T* y, Stream stream) {
  apply(e, channels, slope, x, residual, y, nullptr, stream);
}

#define PECLR_INSTANTIATE(T)                                                                    \
  template void norm_statistics<T>(const NormExtent&, const T*, const NormBatch&,               \
                                   const ColumnScratch&, Stream);                               \
  template void norm_apply<T>(const NormExtent&, const NormChannels&, float, const T*,          \
                              const NormResidual<T, NormChannels>&, T*, std::uint8_t*, Stream); \
  template void norm_apply_running<T>(const NormExtent&, const NormRunning&, float, const T*,   \
                                      const NormResidual<T, NormRunning>&, T*, Stream);
PECLR_INSTANTIATE(float)
PECLR_INSTANTIATE(bf16)

}  // namespace peclr::kernels
