// SPDX-License-Identifier: Apache-2.0
// Batch normalisation backward: one pass for the sums (reads dy, x, and where they are given more
// and signs; then it writes g over dy), one for dx (reads g or dy, and x). The second goes from the
// last row to the first, so that it begins with what the cache still holds.
#include "kernels/column_reduce.h"
#include "kernels/column_walk.h"
#include "kernels/norm_lines.h"

namespace peclr::kernels {
namespace {

// What says on which side of zero a value was, which decides the activation's gradient.
enum class Side { none, of_input, of_signs };

// The gradient behind the activation.
template <class T, int kLanes, Side kSide, bool kMore>
struct Arriving {
  using Floats = Pack<float, kLanes>;
  // As many rows as the registers hold, of which three blocks (or two) share what there are.
  static constexpr int kUnroll = kMore ? 2 : kSide == Side::none ? 4 : 3;
  static constexpr int kMinBlocks = kMore && kSide == Side::of_input ? 2 : 3;
  struct Loaded {
    Pack<T, kLanes> dy, more, x;
    unsigned signs;
  };

  PECLR_DEVICE static Loaded load(const NormArriving<T>& in, std::int64_t at) {
    Loaded out;
    out.dy = load_lanes<kLanes>(in.dy + at);
    if constexpr (kMore) out.more = load_lanes_streaming<kLanes>(in.more + at);
    if constexpr (kSide == Side::of_signs) out.signs = in.signs[at / kLanes];
    out.x = load_lanes<kLanes>(in.x + at);
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

template <class T, int kLanes, Side kSide, bool kMore>
struct GradientSums {
  using In = Arriving<T, kLanes, kSide, kMore>;
  using Reduce = ColumnReduce<kLanes, 2, In::kUnroll>;
  using Floats = Pack<float, kLanes>;
  using Sums = typename Reduce::Sums;
  using Shared = typename Reduce::Shared;
  static constexpr int kThreads = Reduce::kThreads, kMinBlocks = In::kMinBlocks;
  struct Params {
    ColumnShares shares;
    NormChannels channels;
    NormArriving<T> in;
    NormGradientSums out;
    ColumnScratch scratch;
  };

  PECLR_DEVICE static void run(const Params& p, Shared& s) {
    const int channels = p.shares.packs * kLanes, pack = Reduce::pack();
    const int first = pack < p.shares.packs ? pack * kLanes : 0;
    const NormLines<kLanes> line(p.channels, first);
    Floats mean;
    PECLR_UNROLL
    for (int l = 0; l < kLanes; ++l) mean[l] = p.channels.mean[first + l];
    const auto load = [&](std::int64_t row) { return In::load(p.in, row * channels + first); };
    const auto add = [&](std::int64_t row, const typename In::Loaded& loaded, Sums& sums) {
      const Floats x = to_floats(loaded.x), g = In::g(p.in, loaded, line, x);
      if constexpr (kMore || kSide == Side::of_signs)
        store_lanes(p.in.dy + row * channels + first, g);
      PECLR_UNROLL
      for (int l = 0; l < kLanes; ++l) {
        sums[0][l] += g[l];
        sums[1][l] = fmaf(g[l], x[l] - mean[l], sums[1][l]);
      }
    };
    if (!Reduce::run(p.shares, p.scratch, s, load, add) || !Reduce::has_channel(p.shares)) return;
    const int c = Reduce::channel();
    const double sum_g = Reduce::total(s, 0);
    const double sum_gx = Reduce::total(s, 1) * static_cast<double>(p.channels.inv_std[c]);
    float &dgamma = p.out.dgamma[c], &dbeta = p.out.dbeta[c];
    dgamma = (p.out.accumulate ? dgamma : 0.f) + static_cast<float>(sum_gx);
    dbeta = (p.out.accumulate ? dbeta : 0.f) + static_cast<float>(sum_g);
    const NormGradientLine d =
        norm_gradient_line(static_cast<double>(p.shares.rows), p.channels.gamma[c],
                           p.channels.mean[c], p.channels.inv_std[c], sum_g, sum_gx);
    p.out.coefficients[c] = d.of_x;
    p.out.coefficients[channels + c] = d.constant;
  }
};

template <class T, int kLanes, Side kSide>
struct GradientApply {
  using In = Arriving<T, kLanes, kSide, false>;
  using Floats = Pack<float, kLanes>;
  using Shared = NoShared;
  static constexpr int kThreads = ColumnWalk::kThreads, kMinBlocks = In::kMinBlocks;
  struct Params {
    ColumnShares shares;
    NormChannels channels;
    NormArriving<T> in;
    const float* coefficients;
    T* dx;
  };

  PECLR_DEVICE static void run(const Params& p, Shared&) {
    const int channels = p.shares.packs * kLanes, pack = ColumnWalk::pack();
    if (pack >= p.shares.packs) return;
    const NormLines<kLanes> line(p.channels, pack * kLanes);
    Floats of_x, constant;
    PECLR_UNROLL
    for (int l = 0; l < kLanes; ++l) {
      const float* c = p.coefficients + pack * kLanes + l;
      of_x[l] = c[0];
      constant[l] = c[channels];
    }
    const auto load = [&](std::int64_t at) { return In::load(p.in, at); };
    const auto finish = [&](std::int64_t at, const typename In::Loaded& loaded) {
      const Floats x = to_floats(loaded.x), g = In::g(p.in, loaded, line, x);
      Floats dx;
      PECLR_UNROLL
      for (int l = 0; l < kLanes; ++l)
        dx[l] = fmaf(line.scale[l], g[l], fmaf(of_x[l], x[l], constant[l]));
      store_lanes(p.dx + at, dx);
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
void norm_gradient_sums(const NormExtent& e, const NormChannels& channels,
                        const NormArriving<T>& in, const NormGradientSums& out,
                        const ColumnScratch& scratch, Stream stream) {
  with_norm_lanes<T>(e, in.signs, {in.dy, in.more, in.x}, [&]<int kLanes>() {
    with_arriving(in, [&]<Side kSide, bool kMore>() {
      using Kernel = GradientSums<T, kLanes, kSide, kMore>;
      const ColumnShares shares = Kernel::Reduce::shares(e.rows, e.channels);
      launch<Kernel>(grid_of(shares), {shares, channels, in, out, scratch}, stream);
    });
  });
}

template <class T>
void norm_gradient_apply(const NormExtent& e, const NormChannels& channels,
                         const NormArriving<T>& in, const float* coefficients, T* dx,
                         Stream stream) {
  with_lanes<T>(e.channels, {in.dy, in.x, dx}, [&]<int kLanes>() {
    const auto run = [&]<Side kSide>() {
      using Kernel = GradientApply<T, kLanes, kSide>;
      const ColumnShares shares =
          ColumnWalk::shares(e.rows, e.channels, kLanes, Kernel::In::kUnroll);
      launch<Kernel>(grid_of(shares), {shares, channels, in, coefficients, dx}, stream);
    };
    if (in.leaves_g() || in.slope == 1.f)
      run.template operator()<Side::none>();
    else
      run.template operator()<Side::of_input>();
  });
}

#define PECLR_INSTANTIATE(T)                                                           \
  template void norm_gradient_sums<T>(const NormExtent&, const NormChannels&,          \
                                      const NormArriving<T>&, const NormGradientSums&, \
                                      const ColumnScratch&, Stream);                   \
  template void norm_gradient_apply<T>(const NormExtent&, const NormChannels&,         \
                                       const NormArriving<T>&, const float*, T*, Stream);
PECLR_INSTANTIATE(float)
PECLR_INSTANTIATE(bf16)

}  // namespace peclr::kernels
