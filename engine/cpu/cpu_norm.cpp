// SPDX-License-Identifier: Apache-2.0
// Batch normalisation of the CPU backend, with max pooling behind it or without: the per-channel
// arithmetic (in double) between the loops over activations.
#include <cmath>
#include <vector>

#include "engine/cpu/cpu_backend.h"
#include "engine/cpu/extents.h"
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

// Doubles and floats for the time of one call, from the backend's allocator.
struct ChannelScratch {
  ChannelScratch(Backend& backend, std::int64_t doubles)
      : tensor(backend, {2 * doubles}, DType::f32) {}
  double* take(std::int64_t count) {
    double* at = reinterpret_cast<double*>(tensor.data<float>()) + used;
    used += count;
    return at;
  }
  Tensor tensor;
  std::int64_t used = 0;
};

// x * scale + shift, the lines of a norm: [2, C].
Tensor affine_of(Backend& backend, const NormWeights& w, const float* mean, const float* inv_std) {
  const std::int64_t channels = w.gamma.count();
  Tensor affine(backend, {2, channels}, DType::f32);
  float *scale = affine.data<float>(), *shift = scale + channels;
  for (std::int64_t c = 0; c < channels; ++c) {
    scale[c] = w.gamma.data<float>()[c] * inv_std[c];
    shift[c] = w.beta.data<float>()[c] - mean[c] * scale[c];
  }
  return affine;
}
Tensor batch_affine(Backend& backend, const NormInput& in) {
  if (!in.normalised()) return {};
  const float* mean = in.moments.data<float>();
  return affine_of(backend, in.weights, mean, mean + in.moments.shape()[1]);
}
Tensor running_affine(Backend& backend, const NormInput& in, float eps) {
  if (!in.normalised()) return {};
  const std::int64_t channels = in.weights.gamma.count();
  const Tensor inverse(backend, {channels}, DType::f32);
  const float* variance = in.weights.running_variance.data<float>();
  for (std::int64_t c = 0; c < channels; ++c)
    inverse.data<float>()[c] =
        static_cast<float>(1 / std::sqrt(static_cast<double>(variance[c]) + eps));
  return affine_of(backend, in.weights, in.weights.running_mean.data<float>(),
                   inverse.data<float>());
}

template <class T>
NormOn<T> on_lines(const Tensor& x, const Tensor& affine) {
  if (!affine.defined()) return {.x = data_or_null<T>(x)};
  return {x.data<T>(), affine.data<float>(), affine.data<float>() + affine.shape()[1]};
}

template <class T>
void take_statistics(const Loops& loops, Backend& backend, const NormSpec& spec,
                     const NormInput& in) {
  const NormExtent extent = norm_extent(in.x);
  const std::int64_t channels = extent.channels;
  ChannelScratch scratch(backend, 2 * channels + norm_scratch_doubles(extent));
  double *sums = scratch.take(channels), *squares = scratch.take(channels),
         *partial = scratch.take(norm_scratch_doubles(extent));
  float *mean = in.moments.data<float>(), *inv_std = mean + channels;
  loops_for<T>(loops).norm_sums(extent, in.x.data<T>(), mean, sums, squares, partial);
  const double count = static_cast<double>(extent.images * extent.positions);
  for (std::int64_t c = 0; c < channels; ++c) {
    const NormMoments m = norm_moments({count, mean[c], sums[c], squares[c]}, spec.eps);
    mean[c] = m.mean;
    inv_std[c] = m.inv_std;
    norm_follow(in.weights.running_mean.data<float>()[c], m.mean, spec.momentum);
    norm_follow(in.weights.running_variance.data<float>()[c], m.sample_variance, spec.momentum);
  }
}

// What arrives behind one norm: dy (+ more), by the sides of y, where it is defined; at x, which is
// the norm's, or the part of it that a gradient reaches.
struct Arriving {
  Tensor x, dy, more, y;
  float slope;
  bool keep;
};

// apply(in, a, b, c) is the second pass.
template <class T, class Apply>
void backward(const Loops& loops, Backend& backend, const NormInput& of, const Arriving& from,
              const NormBackward::Weights& out, Apply apply) {
  const NormExtent extent = norm_extent(from.x);
  const std::int64_t channels = extent.channels;
  ChannelScratch scratch(backend, 4 * channels + norm_scratch_doubles(extent));
  double *sum_g = scratch.take(channels), *sum_gx = scratch.take(channels),
         *partial = scratch.take(norm_scratch_doubles(extent));
  float* a = reinterpret_cast<float*>(scratch.take(2 * channels));
  float *b = a + channels, *c = b + channels;
  const float *mean = of.moments.data<float>(), *inv_std = mean + channels;
  const Tensor affine = batch_affine(backend, of);
  const NormReduce<T> in{from.dy.data<T>(),
                         data_or_null<T>(from.more),
                         data_or_null<T>(from.y),
                         from.x.data<T>(),
                         mean,
                         inv_std,
                         affine.data<float>(),
                         affine.data<float>() + channels,
                         from.slope,
                         from.keep};
  loops_for<T>(loops).norm_backward_reduce(extent, in, sum_g, sum_gx, partial);
  const double count = static_cast<double>(of.x.count() / channels);
  float *dgamma = out.dgamma.data<float>(), *dbeta = out.dbeta.data<float>();
  for (std::int64_t i = 0; i < channels; ++i) {
    const bool add = out.write == Write::accumulate;
    dgamma[i] = (add ? dgamma[i] : 0.f) + static_cast<float>(sum_gx[i]);
    dbeta[i] = (add ? dbeta[i] : 0.f) + static_cast<float>(sum_g[i]);
    const NormGradientLine line = norm_gradient_line(count, of.weights.gamma.data<float>()[i],
                                                     mean[i], inv_std[i], sum_g[i], sum_gx[i]);
    a[i] = line.of_g;
    b[i] = line.of_x;
    c[i] = line.constant;
  }
  apply(in, a, b, c);
}

template <class T>
void backward(const Loops& loops, Backend& backend, const NormInput& of, const Arriving& from,
              const NormBackward::Weights& out, const Tensor& dx) {
  backward<T>(loops, backend, of, from, out,
              [&](const NormReduce<T>& in, const float* a, const float* b, const float* c) {
                loops_for<T>(loops).norm_backward_apply(norm_extent(of.x), in, a, b, c,
                                                        dx.data<T>());
              });
}

}  // namespace

void CpuBackend::norm_train(const NormSpec& spec, const NormInput& in, const NormInput& residual,
                            const Tensor& y, const Tensor&) {
  with_type(in.x, [&]<class T>() {
    if (residual.normalised()) take_statistics<T>(loops_, *this, spec, residual);
    take_statistics<T>(loops_, *this, spec, in);
    const Tensor affine = batch_affine(*this, in), beside = batch_affine(*this, residual);
    loops_for<T>(loops_).norm_apply(norm_extent(in.x), on_lines<T>(in.x, affine),
                                    on_lines<T>(residual.x, beside), spec.slope, y.data<T>());
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
    const bool keep = b.signs.defined() || b.more.defined();
    backward<T>(loops_, *this, b.in, {b.in.x, b.dy, b.more, b.signs, spec.slope, keep}, b.of_in,
                b.dx);
    // dy holds what is behind the activation by now.
    if (b.residual.normalised())
      backward<T>(loops_, *this, b.residual, {b.residual.x, b.dy, {}, {}, 1.f, false},
                  b.of_residual, b.dy);
  });
}

void CpuBackend::norm_max_pool_train(const NormSpec& spec, const NormInput& in, const Tensor& y,
                                     const PoolWinners& won) {
  with_type(in.x, [&]<class T>() {
    take_statistics<T>(loops_, *this, spec, in);
    const Tensor affine = batch_affine(*this, in);
    loops_for<T>(loops_).norm_max_pool(pool_extent(in.x), on_lines<T>(in.x, affine), spec.slope,
                                       y.data<T>(),
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
    backward<T>(
        loops_, *this, b.in, {won.x, b.dy, b.more, {}, spec.slope, true}, b.of_in,
        [&](const NormReduce<T>& in, const float* of_g, const float* of_x, const float* constant) {
          loops_for<T>(loops_).norm_max_pool_backward(
              pool_extent(b.in.x),
              {b.in.x.data<T>(), in.dy, won.where.data<std::uint8_t>(), of_g, of_x, constant},
              b.dx.data<T>());
        });
  });
}

}  // namespace peclr
