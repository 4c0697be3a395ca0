// SPDX-License-Identifier: Apache-2.0
// Batch normalisation of the CPU backend: the per-channel arithmetic (in double) between the loops
// over activations.
#include <cmath>
#include <vector>

#include "engine/cpu/cpu_backend.h"
#include "kernels/norm_act.h"

namespace peclr {
namespace {

NormExtent norm_extent(const Tensor& x) {
  const Shape& s = x.shape();
  const std::int64_t channels = s.last();
  if (s.rank() == 4) return {s[0], s[1] * s[2], channels, x.channel_block()};
  return {s[0], 1, channels, channels};
}

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

// y = x * scale + shift before residual and activation: [2, C].
Tensor affine_of(Backend& backend, const NormWeights& w, const float* mean, const float* inv_std,
                 std::int64_t channels) {
  Tensor affine(backend, {2, channels}, DType::f32);
  float *scale = affine.data<float>(), *shift = scale + channels;
  for (std::int64_t c = 0; c < channels; ++c) {
    scale[c] = w.gamma.data<float>()[c] * inv_std[c];
    shift[c] = w.beta.data<float>()[c] - mean[c] * scale[c];
  }
  return affine;
}

template <class T>
void apply(const Loops& loops, Backend& backend, const NormSpec& spec, const NormWeights& w,
           const float* mean, const float* inv_std, const Tensor& x, const Tensor& residual,
           const Tensor& y) {
  const NormExtent extent = norm_extent(x);
  const Tensor affine = affine_of(backend, w, mean, inv_std, extent.channels);
  const float *scale = affine.data<float>(), *shift = scale + extent.channels;
  loops_for<T>(loops).norm_apply(extent, x.data<T>(), scale, shift, data_or_null<T>(residual),
                                 spec.slope, y.data<T>());
}

}  // namespace

void CpuBackend::norm_train(const NormSpec& spec, const NormWeights& w, const Tensor& x,
                            const Tensor& residual, const Tensor& y, const NormSaved& saved) {
  const NormExtent extent = norm_extent(x);
  const std::int64_t channels = extent.channels;
  ChannelScratch scratch(*this, 2 * channels + norm_scratch_doubles(extent));
  double *sums = scratch.take(channels), *squares = scratch.take(channels),
         *partial = scratch.take(norm_scratch_doubles(extent));
  float *mean = saved.moments.data<float>(), *inv_std = mean + channels;
  with_type(x, [&]<class T>() {
    loops_for<T>(loops_).norm_sums(extent, x.data<T>(), mean, sums, squares, partial);
    const double count = static_cast<double>(extent.images * extent.positions);
    for (std::int64_t c = 0; c < channels; ++c) {
      const NormMoments m = norm_moments({count, mean[c], sums[c], squares[c]}, spec.eps);
      mean[c] = m.mean;
      inv_std[c] = m.inv_std;
      norm_follow(w.running_mean.data<float>()[c], m.mean, spec.momentum);
      norm_follow(w.running_variance.data<float>()[c], m.sample_variance, spec.momentum);
    }
    apply<T>(loops_, *this, spec, w, mean, inv_std, x, residual, y);
  });
}

void CpuBackend::norm_evaluate(const NormSpec& spec, const NormWeights& w, const Tensor& x,
                               const Tensor& residual, const Tensor& y) {
  const std::int64_t channels = x.shape().last();
  const Tensor inverse(*this, {channels}, DType::f32);
  float* inv_std = inverse.data<float>();
  for (std::int64_t c = 0; c < channels; ++c)
    inv_std[c] = static_cast<float>(
        1 / std::sqrt(static_cast<double>(w.running_variance.data<float>()[c]) + spec.eps));
  with_type(x, [&]<class T>() {
    apply<T>(loops_, *this, spec, w, w.running_mean.data<float>(), inv_std, x, residual, y);
  });
}

void CpuBackend::norm_backward(const NormSpec& spec, const NormWeights& w, const Tensor& x,
                               const NormSaved& saved, const Tensor& dy, const Tensor& more,
                               const NormGradients& out) {
  const NormExtent extent = norm_extent(x);
  const std::int64_t channels = extent.channels;
  ChannelScratch scratch(*this, 4 * channels + norm_scratch_doubles(extent));
  double *sum_g = scratch.take(channels), *sum_gx = scratch.take(channels),
         *partial = scratch.take(norm_scratch_doubles(extent));
  float* a = reinterpret_cast<float*>(scratch.take(2 * channels));
  float *b = a + channels, *c = b + channels;
  const float *mean = saved.moments.data<float>(), *inv_std = mean + channels;
  const Tensor affine = affine_of(*this, w, mean, inv_std, channels);
  with_type(x, [&]<class T>() {
    const NormReduce<T> in{dy.data<T>(),
                           data_or_null<T>(more),
                           data_or_null<T>(saved.signs),
                           x.data<T>(),
                           mean,
                           inv_std,
                           affine.data<float>(),
                           affine.data<float>() + channels,
                           spec.slope,
                           saved.signs.defined() || more.defined()};
    loops_for<T>(loops_).norm_backward_reduce(extent, in, sum_g, sum_gx, partial);
    const double count = static_cast<double>(extent.images * extent.positions);
    float *dgamma = out.dgamma.data<float>(), *dbeta = out.dbeta.data<float>();
    for (std::int64_t i = 0; i < channels; ++i) {
      const bool add = out.write == Write::accumulate;
      dgamma[i] = (add ? dgamma[i] : 0.f) + static_cast<float>(sum_gx[i]);
      dbeta[i] = (add ? dbeta[i] : 0.f) + static_cast<float>(sum_g[i]);
      const NormGradientLine line = norm_gradient_line(count, w.gamma.data<float>()[i], mean[i],
                                                       inv_std[i], sum_g[i], sum_gx[i]);
      a[i] = line.of_g;
      b[i] = line.of_x;
      c[i] = line.constant;
    }
    loops_for<T>(loops_).norm_backward_apply(extent, in, a, b, c, out.dx.data<T>());
  });
}

}  // namespace peclr
