// SPDX-License-Identifier: Apache-2.0
// Batch normalisation backward: one pass for the sums (reads dy, x, and where they are given more
// and signs; then it writes g over dy), one for dx (reads g or dy, and x). Both do it for one norm,
// or for two whose lines were added. The second goes from the last row to the first, so that it
// begins with what the cache still holds.
#include "kernels/column_reduce.h"
#include "kernels/column_walk.h"
#include "kernels/norm_lines.h"

namespace peclr::kernels {
namespace {

// What says on which side of zero a value was, which decides the activation's gradient.
enum class Side { none, of_input, of_signs };

// The gradient behind the activation, and what kNorms norms had read.
template <class T, int kLanes, Side kSide, bool kMore, int kNorms>
struct Arriving {
  using Floats = Pack<float, kLanes>;
  // As many rows as the registers hold, of which three blocks (or two) share what there are.
  static constexpr int kUnroll = kMore || kNorms > 1 ? 2 : kSide == Side::none ? 4 : 3;
  static constexpr int kMinBlocks = (kMore && kSide == Side::of_input) || kNorms > 1 ? 2 : 3;
  static_assert(kSide != Side::of_input || kNorms == 1, "the side is that of a sum");
  struct Loaded {
    Pack<T, kLanes> dy, more, x[kNorms];
    unsigned signs;
  };

  PECLR_DEVICE static Loaded load(const NormArriving<T>& in, const NormBranch<T>* norms,
                                  std::int64_t at) {
    Loaded out;
    out.dy = load_lanes<kLanes>(in.dy + at);
    if constexpr (kMore) out.more = load_lanes_streaming<kLanes>(in.more + at);
    if constexpr (kSide == Side::of_signs) out.signs = in.signs[at / kLanes];
    PECLR_UNROLL
    for (int n = 0; n < kNorms; ++n) out.x[n] = load_lanes<kLanes>(norms[n].x + at);
    return out;
  }

  PECLR_DEVICE static Floats g(const NormArriving<T>& in, const Loaded& loaded,
                               const NormLines<kLanes>& line, const Floats& x) {
    Floats g = to_floats(loaded.dy);
    if constexpr (kMore) {
      const Floats more = to_floats(loaded.more);
      PECLR_UNROLL
      for (int l = 0; l < kLanes; ++l) g[l] += more[l];
    }
    PECLR_UNROLL
    for (int l = 0; l < kLanes; ++l) {
      if constexpr (kSide == Side::of_input)
        g[l] = leaky_gradient(g[l], line.at(l, x[l]), in.slope);
      if constexpr (kSide == Side::of_signs)
        g[l] = (loaded.signs >> l & 1u) != 0 ? g[l] : g[l] * in.slope;
    }
    return g;
  }
};

template <class T, int kLanes, Side kSide, bool kMore, int kNorms>
struct GradientSums {
  using In = Arriving<T, kLanes, kSide, kMore, kNorms>;
  using Reduce = ColumnReduce<kLanes, 1 + kNorms, In::kUnroll>;
  using Floats = Pack<float, kLanes>;
  using Sums = typename Reduce::Sums;
  using Shared = typename Reduce::Shared;
  static constexpr int kThreads = Reduce::kThreads, kMinBlocks = In::kMinBlocks;
  struct Params {
    ColumnShares shares;
    NormArriving<T> in;
    NormBranch<T> norms[kNorms];
    ColumnScratch scratch;
  };

  PECLR_DEVICE static void run(const Params& p, Shared& s) {
    const int channels = p.shares.packs * kLanes, pack = Reduce::pack();
    const int first = pack < p.shares.packs ? pack * kLanes : 0;
    const NormLines<kLanes> line(p.norms[0].channels, first);
    Floats mean[kNorms];
    PECLR_UNROLL
    for (int n = 0; n < kNorms; ++n) {
      PECLR_UNROLL
      for (int l = 0; l < kLanes; ++l) mean[n][l] = p.norms[n].channels.mean[first + l];
    }
    const auto load = [&](std::int64_t row) {
      return In::load(p.in, p.norms, row * channels + first);
    };
    const auto add = [&](std::int64_t row, const typename In::Loaded& loaded, Sums& sums) {
      const Floats g = In::g(p.in, loaded, line, to_floats(loaded.x[0]));
      if constexpr (kMore || kSide == Side::of_signs)
        store_lanes(p.in.dy + row * channels + first, g);
      PECLR_UNROLL
      for (int l = 0; l < kLanes; ++l) sums[0][l] += g[l];
      PECLR_UNROLL
      for (int n = 0; n < kNorms; ++n) {
        const Floats x = to_floats(loaded.x[n]);
        PECLR_UNROLL
        for (int l = 0; l < kLanes; ++l)
          sums[1 + n][l] = fmaf(g[l], x[l] - mean[n][l], sums[1 + n][l]);
      }
    };
    if (!Reduce::run(p.shares, p.scratch, s, load, add) || !Reduce::has_channel(p.shares)) return;
    const double sum_g = Reduce::total(s, 0);
    PECLR_UNROLL
    for (int n = 0; n < kNorms; ++n)
      finish(p.norms[n], channels, p.shares.rows, sum_g, Reduce::total(s, 1 + n));
  }

 private:
  PECLR_DEVICE static void finish(const NormBranch<T>& norm, int channels, std::int64_t rows,
                                  double sum_g, double sum_gx_unscaled) {
    const auto values = static_cast<double>(norm.values > 0 ? norm.values : rows);
    const int c = Reduce::channel();
    const NormChannels& of = norm.channels;
    const double sum_gx = sum_gx_unscaled * static_cast<double>(of.inv_std[c]);
    norm.dgamma[c] = (norm.accumulate ? norm.dgamma[c] : 0.f) + static_cast<float>(sum_gx);
    norm.dbeta[c] = (norm.accumulate ? norm.dbeta[c] : 0.f) + static_cast<float>(sum_g);
    const NormGradientLine d =
        norm_gradient_line(values, of.gamma[c], of.mean[c], of.inv_std[c], sum_g, sum_gx);
    norm.coefficients[c] = d.of_x;
    norm.coefficients[channels + c] = d.constant;
  }
};

template <class T, int kLanes, Side kSide, int kNorms>
struct GradientApply {
  using In = Arriving<T, kLanes, kSide, false, kNorms>;
  using Floats = Pack<float, kLanes>;
  using Shared = NoShared;
  static constexpr int kThreads = ColumnWalk::kThreads, kMinBlocks = In::kMinBlocks;
  struct Params {
    ColumnShares shares;
    NormArriving<T> in;
    NormBranch<T> norms[kNorms];
  };

  // dx = g * scale + x * of_x + constant.
  struct Lines {
    NormLines<kLanes> line;
    Floats of_x, constant;

    PECLR_DEVICE Lines(const NormBranch<T>& norm, int first, int channels)
        : line(norm.channels, first) {
      PECLR_UNROLL
      for (int l = 0; l < kLanes; ++l) {
        of_x[l] = norm.coefficients[first + l];
        constant[l] = norm.coefficients[channels + first + l];
      }
    }
    PECLR_DEVICE void store(T* dx, const Floats& g, const Floats& x) const {
      Floats out;
      PECLR_UNROLL
      for (int l = 0; l < kLanes; ++l)
        out[l] = fmaf(line.scale[l], g[l], fmaf(of_x[l], x[l], constant[l]));
      store_lanes(dx, out);
    }
  };

  PECLR_DEVICE static void run(const Params& p, Shared&) {
    const int channels = p.shares.packs * kLanes, pack = ColumnWalk::pack();
    if (pack >= p.shares.packs) return;
    const Lines lines(p.norms[0], pack * kLanes, channels),
        beside(p.norms[kNorms - 1], pack * kLanes, channels);
    const auto load = [&](std::int64_t at) { return In::load(p.in, p.norms, at); };
    const auto finish = [&](std::int64_t at, const typename In::Loaded& loaded) {
      const Floats x = to_floats(loaded.x[0]), g = In::g(p.in, loaded, lines.line, x);
      lines.store(p.norms[0].dx + at, g, x);
      if constexpr (kNorms > 1) beside.store(p.norms[1].dx + at, g, to_floats(loaded.x[1]));
    };
    ColumnWalk::run<kLanes, In::kUnroll>(p.shares, pack, load, finish);
  }
};

// body.template operator()<kSide, kMore>() for what arrives.
template <class T, class F>
void with_arriving(const NormArriving<T>& in, F body) {
  const auto side = [&]<bool kMore>() {
    if (in.slope == 1.f)
      body.template operator()<Side::none, kMore>();
    else if (in.signs)
      body.template operator()<Side::of_signs, kMore>();
    else
      body.template operator()<Side::of_input, kMore>();
  };
  if (in.more)
    side.template operator()<true>();
  else
    side.template operator()<false>();
}

}  // namespace

template <class T>
void norm_gradient_sums(const NormExtent& e, const NormArriving<T>& in, const NormBranch<T>& branch,
                        const NormBranch<T>* beside, const ColumnScratch& scratch, Stream stream) {
  require(!beside || in.signs || in.slope == 1.f, "norm: two norms have the signs of their sum");
  with_norm_lanes<T>(
      e, in.signs, {in.dy, in.more, branch.x, beside ? beside->x : nullptr}, [&]<int kLanes>() {
        with_arriving(in, [&]<Side kSide, bool kMore>() {
          if (!beside) {
            using Kernel = GradientSums<T, kLanes, kSide, kMore, 1>;
            const ColumnShares shares = Kernel::Reduce::shares(e.rows, e.channels);
            launch<Kernel>(grid_of(shares), {shares, in, {branch}, scratch}, stream);
          } else if constexpr (kSide != Side::of_input) {
            using Kernel = GradientSums<T, kLanes, kSide, kMore, 2>;
            const ColumnShares shares = Kernel::Reduce::shares(e.rows, e.channels);
            launch<Kernel>(grid_of(shares), {shares, in, {branch, *beside}, scratch}, stream);
          }
        });
      });
}

template <class T>
void norm_gradient_apply(const NormExtent& e, const NormArriving<T>& in,
                         const NormBranch<T>& branch, const NormBranch<T>* beside, Stream stream) {
  with_lanes<T>(
      e.channels,
      {in.dy, branch.x, branch.dx, beside ? beside->x : nullptr, beside ? beside->dx : nullptr},
      [&]<int kLanes>() {
        const auto run = [&]<Side kSide, int kNorms>() {
          using Kernel = GradientApply<T, kLanes, kSide, kNorms>;
          typename Kernel::Params p{
              ColumnWalk::shares(e.rows, e.channels, kLanes, Kernel::In::kUnroll), in, {branch}};
          if constexpr (kNorms > 1) p.norms[1] = *beside;
          launch<Kernel>(grid_of(p.shares), p, stream);
        };
        if (beside)
          run.template operator()<Side::none, 2>();
        else if (in.leaves_g() || in.slope == 1.f)
          run.template operator()<Side::none, 1>();
        else
          run.template operator()<Side::of_input, 1>();
      });
}

#define PECLR_INSTANTIATE(T)                                                      \
  template void norm_gradient_sums<T>(const NormExtent&, const NormArriving<T>&,  \
                                      const NormBranch<T>&, const NormBranch<T>*, \
                                      const ColumnScratch&, Stream);              \
  template void norm_gradient_apply<T>(const NormExtent&, const NormArriving<T>&, \
                                       const NormBranch<T>&, const NormBranch<T>*, Stream);
PECLR_INSTANTIATE(float)
PECLR_INSTANTIATE(bf16)

}  // namespace peclr::kernels
