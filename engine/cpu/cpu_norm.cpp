// SPDX-License-Identifier: Apache-2.0
// Batch normalisation of the CPU backend, with max pooling behind it or without: the per-channel
// arithmetic (in double) between the loops over activations.
#include <algorithm>
#include <cmath>
#include <optional>

#include "engine/cpu/cpu_backend.h"
#include "engine/cpu/extents.h"
#include "engine/parallel.h"
#include "kernels/norm_act.h"

namespace peclr {
namespace {

template <class T>
const ActivationLoops<T>& loops_for(const Loops& loops);
template <>
const ActivationLoops<float>& loops_for<float>(const Loops& loops) {
  return loops.f32;
}
template <>
const ActivationLoops<bf16>& loops_for<bf16>(const Loops& loops) {
  return loops.b16;
}

// body<T>() for the element type of x.
template <class F>
void with_type(const Tensor& x, F body) {
  if (x.dtype() == DType::bf16)
    body.template operator()<bf16>();
  else
    body.template operator()<float>();
}

// body(extent) for all channels of x: at once, or, where there are blocks of channels enough for
// all threads, a few blocks after the other, so that a thread's second pass finds in its cache what
// the first has read. Every channel gets the same bits either way.
template <class F>
void for_channels(const Tensor& x, F body) {
  constexpr std::size_t kPiece = 64 << 10;  // of an image: shorter ones share few sets of a cache
  const NormExtent all = norm_extent(x);
  const std::int64_t blocks = all.channels / all.block, team = threads();
  const auto bytes = static_cast<std::size_t>(all.positions * all.block) * size_of(x.dtype());
  const std::int64_t some =
      std::clamp<std::int64_t>(kPiece / bytes, 1, std::max<std::int64_t>(blocks / team, 1));
  const std::int64_t items = (blocks + some - 1) / some, turns = (items + team - 1) / team;
  const bool balanced = 7 * turns * team <= 8 * items;  // at most an eighth of the threads idle
  if (items == 1 || !balanced) return body(all);
  parallel_for(blocks, some, [&](std::int64_t begin, std::int64_t end) {
    NormExtent part = all;
    part.begin = begin * all.block;
    part.end = end * all.block;
    body(part);
  });
}

// Two sums a channel, and the partial ones on the way to them.
struct Sums {
  Tensor memory;
  double *first, *second, *partial;

  Sums(Backend& backend, const NormExtent& e)
      : memory(backend, {2 * (2 * e.channels + norm_scratch_doubles(e))}, DType::f32),
        first(reinterpret_cast<double*>(memory.data<float>())),
        second(first + e.channels),
        partial(second + e.channels) {}
};

// x * scale + shift, the lines of a norm: [2, C].
Tensor affine_room(Backend& backend, const NormInput& in) {
  return Tensor(backend, {2, in.weights.gamma.count()}, DType::f32);
}
void affine_of(const NormExtent& e, const NormWeights& w, const float* mean, const float* inv_std,
               const Tensor& affine) {
  float *scale = affine.data<float>(), *shift = scale + e.channels;
  for (std::int64_t c = e.begin; c < e.end; ++c) {
    scale[c] = w.gamma.data<float>()[c] * inv_std[c];
    shift[c] = w.beta.data<float>()[c] - mean[c] * scale[c];
  }
}
void batch_affine(const NormExtent& e, const NormInput& in, const Tensor& affine) {
  const float* mean = in.moments.data<float>();
  affine_of(e, in.weights, mean, mean + e.channels, affine);
}
Tensor running_affine(Backend& backend, const NormInput& in, float eps) {
  if (!in.normalised()) return {};
  const NormExtent extent = norm_extent(in.x);
  const Tensor affine = affine_room(backend, in), inverse(backend, {extent.channels}, DType::f32);
  const float* variance = in.weights.running_variance.data<float>();
  for (std::int64_t c = 0; c < extent.channels; ++c)
    inverse.data<float>()[c] =
        static_cast<float>(1 / std::sqrt(static_cast<double>(variance[c]) + eps));
  affine_of(extent, in.weights, in.weights.running_mean.data<float>(), inverse.data<float>(),
            affine);
  return affine;
}

template <class T>
NormOn<T> on_lines(const Tensor& x, const Tensor& affine) {
  if (!affine.defined()) return {.x = data_or_null<T>(x)};
  return {x.data<T>(), affine.data<float>(), affine.data<float>() + affine.shape()[1]};
}

// A norm of its batch: statistics, and the lines made of them.
template <class T>
struct BatchNorm {
  const NormSpec& spec;
  const NormInput& in;
  Tensor affine;  // [2, C]
  Sums sums;

  BatchNorm(Backend& backend, const NormSpec& of, const NormInput& input)
      : spec(of), in(input), affine(affine_room(backend, in)), sums(backend, norm_extent(in.x)) {}

  NormOn<T> lines() const { return on_lines<T>(in.x, affine); }

  void take(const Loops& loops, const NormExtent& e) const {
    float *mean = in.moments.data<float>(), *inv_std = mean + e.channels;
    loops_for<T>(loops).norm_sums(e, in.x.template data<T>(), mean, sums.first, sums.second,
                                  sums.partial);
    const double count = static_cast<double>(e.images * e.positions);
    for (std::int64_t c = e.begin; c < e.end; ++c) {
      const NormMoments m = norm_moments({count, mean[c], sums.first[c], sums.second[c]}, spec.eps);
      mean[c] = m.mean;
      inv_std[c] = m.inv_std;
      norm_follow(in.weights.running_mean.data<float>()[c], m.mean, spec.momentum);
      norm_follow(in.weights.running_variance.data<float>()[c], m.sample_variance, spec.momentum);
    }
    batch_affine(e, in, affine);
  }
};

// What arrives behind one norm: dy (+ more), by the sides of y, where it is defined; at x, which is
// the norm's, or the part of it that a gradient reaches.
struct Arriving {
  Tensor x, dy, more, y;
  float slope;
  bool keep;
};

// The first pass of a norm's gradient, and the lines a * g + b * x + c of the second.
template <class T>
struct BatchNormGradient {
  const NormInput& of;
  const NormBackward::Weights& out;
  Tensor affine, lines;  // [2, C], [3, C]
  Sums sums;
  NormReduce<T> in;
  float *a, *b, *c;

  BatchNormGradient(Backend& backend, const NormInput& norm, const Arriving& from,
                    const NormBackward::Weights& weights)
      : of(norm),
        out(weights),
        affine(affine_room(backend, of)),
        lines(backend, {3, of.weights.gamma.count()}, DType::f32),
        sums(backend, norm_extent(from.x)),
        a(lines.data<float>()),
        b(a + lines.shape()[1]),
        c(b + lines.shape()[1]) {
    const float *mean = of.moments.data<float>(), *scale = affine.data<float>();
    const std::int64_t channels = lines.shape()[1];
    in = {from.dy.data<T>(),
          data_or_null<T>(from.more),
          data_or_null<T>(from.y),
          from.x.data<T>(),
          mean,
          mean + channels,
          scale,
          scale + channels,
          from.slope,
          from.keep};
  }

  void reduce(const Loops& loops, const NormExtent& e) const {
    batch_affine(e, of, affine);
    loops_for<T>(loops).norm_backward_reduce(e, in, sums.first, sums.second, sums.partial);
    const double count = static_cast<double>(of.x.count() / e.channels);
    float *dgamma = out.dgamma.data<float>(), *dbeta = out.dbeta.data<float>();
    const bool add = out.write == Write::accumulate;
    for (std::int64_t i = e.begin; i < e.end; ++i) {
      const double sum_g = sums.first[i], sum_gx = sums.second[i];
      dgamma[i] = (add ? dgamma[i] : 0.f) + static_cast<float>(sum_gx);
      dbeta[i] = (add ? dbeta[i] : 0.f) + static_cast<float>(sum_g);
      const NormGradientLine line = norm_gradient_line(count, of.weights.gamma.data<float>()[i],
                                                       in.mean[i], in.inv_std[i], sum_g, sum_gx);
      a[i] = line.of_g;
      b[i] = line.of_x;
      c[i] = line.constant;
    }
  }
};

}  // namespace

void CpuBackend::norm_train(const NormSpec& spec, const NormInput& in, const NormInput& residual,
                            const Tensor& y, const Tensor&) {
  with_type(in.x, [&]<class T>() {
    const ActivationLoops<T>& loops = loops_for<T>(loops_);
    const BatchNorm<T> norm(*this, spec, in);
    std::optional<BatchNorm<T>> beside;
    if (residual.normalised()) beside.emplace(*this, spec, residual);
    const NormOn<T> added = beside ? beside->lines() : on_lines<T>(residual.x, {});
    for_channels(in.x, [&](const NormExtent& e) {
      if (beside) beside->take(loops_, e);
      norm.take(loops_, e);
      loops.norm_apply(e, norm.lines(), added, spec.slope, y.data<T>());
    });
  });
}

void CpuBackend::norm_evaluate(const NormSpec& spec, const NormInput& in, const NormInput& residual,
                               const Tensor& y) {
  const Tensor affine = running_affine(*this, in, spec.eps),
               beside = running_affine(*this, residual, spec.eps);
  with_type(in.x, [&]<class T>() {
    loops_for<T>(loops_).norm_apply(norm_extent(in.x), on_lines<T>(in.x, affine),
                                    on_lines<T>(residual.x, beside), spec.slope, y.data<T>());
  });
}

void CpuBackend::norm_backward(const NormSpec& spec, const NormBackward& b) {
  with_type(b.in.x, [&]<class T>() {
    const ActivationLoops<T>& loops = loops_for<T>(loops_);
    const bool keep = b.signs.defined() || b.more.defined();
    const BatchNormGradient<T> norm(*this, b.in, {b.in.x, b.dy, b.more, b.signs, spec.slope, keep},
                                    b.of_in);
    std::optional<BatchNormGradient<T>> beside;  // finds in dy what is behind the activation
    if (b.residual.normalised())
      beside.emplace(*this, b.residual, Arriving{b.residual.x, b.dy, {}, {}, 1.f, false},
                     b.of_residual);
    for_channels(b.in.x, [&](const NormExtent& e) {
      norm.reduce(loops_, e);
      loops.norm_backward_apply(e, norm.in, norm.a, norm.b, norm.c, b.dx.data<T>());
      if (!beside) return;
      beside->reduce(loops_, e);
      loops.norm_backward_apply(e, beside->in, beside->a, beside->b, beside->c, b.dy.data<T>());
    });
  });
}

void CpuBackend::norm_max_pool_train(const NormSpec& spec, const NormInput& in, const Tensor& y,
                                     const PoolWinners& won) {
  with_type(in.x, [&]<class T>() {
    const BatchNorm<T> norm(*this, spec, in);
    norm.take(loops_, norm_extent(in.x));
    loops_for<T>(loops_).norm_max_pool(pool_extent(in.x), norm.lines(), spec.slope, y.data<T>(),
                                       {won.where.data<std::uint8_t>(), won.x.data<T>()});
  });
}

void CpuBackend::norm_max_pool_evaluate(const NormSpec& spec, const NormInput& in,
                                        const Tensor& y) {
  const Tensor affine = running_affine(*this, in, spec.eps);
  with_type(in.x, [&]<class T>() {
    loops_for<T>(loops_).norm_max_pool(pool_extent(in.x), on_lines<T>(in.x, affine), spec.slope,
                                       y.data<T>(), {});
  });
}

// Sums over the winners are the sums over all places: a gradient reaches no others.
void CpuBackend::norm_max_pool_backward(const NormSpec& spec, const PoolWinners& won,
                                        const NormBackward& b) {
  with_type(b.in.x, [&]<class T>() {
    const BatchNormGradient<T> norm(*this, b.in, {won.x, b.dy, b.more, {}, spec.slope, true},
                                    b.of_in);
    norm.reduce(loops_, norm_extent(won.x));
    loops_for<T>(loops_).norm_max_pool_backward(
        pool_extent(b.in.x),
        {b.in.x.data<T>(), norm.in.dy, won.where.data<std::uint8_t>(), norm.a, norm.b, norm.c},
        b.dx.data<T>());
  });
}

}  // namespace peclr
