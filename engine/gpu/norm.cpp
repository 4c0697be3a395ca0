// SPDX-License-Identifier: Apache-2.0
#include "engine/gpu/norm.h"

#include "engine/gpu/columns.h"
#include "engine/gpu/types.h"
#include "kernels/norm_act_kernels.h"

namespace peclr::gpu {
namespace {

kernels::NormExtent norm_extent(const Tensor& x) {
  const std::int64_t channels = x.shape().last();
  return {x.count() / channels, static_cast<int>(channels)};
}

kernels::NormChannels channels_of(const NormWeights& w, const NormSaved& saved) {
  const float* mean = saved.moments.data<float>();
  return {w.gamma.data<float>(), w.beta.data<float>(), mean, mean + saved.moments.shape()[1]};
}

}  // namespace

void norm_train(Backend& memory, Stream stream, Tickets& tickets, const NormSpec& spec,
                const NormWeights& w, const Tensor& x, const Tensor& residual, const Tensor& y,
                const NormSaved& saved) {
  const kernels::NormExtent extent = norm_extent(x);
  const ColumnScratch scratch(memory, tickets, extent.channels);
  float* mean = saved.moments.data<float>();
  const kernels::NormBatch batch{mean,
                                 mean + extent.channels,
                                 w.running_mean.data<float>(),
                                 w.running_variance.data<float>(),
                                 spec.eps,
                                 spec.momentum};
  with_type(x, [&]<class T>() {
    kernels::norm_statistics(extent, x.data<T>(), batch, scratch, stream);
    kernels::norm_apply(extent, channels_of(w, saved), spec.slope, x.data<T>(),
                        data_or_null<T>(residual), y.data<T>(),
                        data_or_null<std::uint8_t>(saved.signs), stream);
  });
}

Tensor norm_signs(Backend& memory, const Tensor& y) {
  const std::int64_t bytes = kernels::norm_sign_bytes(norm_extent(y), size_of(y.dtype()));
  return Tensor(memory, {bytes}, DType::u8);
}

void norm_evaluate(Stream stream, const NormSpec& spec, const NormWeights& w, const Tensor& x,
                   const Tensor& residual, const Tensor& y) {
  const kernels::NormRunning channels{w.gamma.data<float>(), w.beta.data<float>(),
                                      w.running_mean.data<float>(),
                                      w.running_variance.data<float>(), spec.eps};
  with_type(x, [&]<class T>() {
    kernels::norm_apply_running(norm_extent(x), channels, spec.slope, x.data<T>(),
                                data_or_null<T>(residual), y.data<T>(), stream);
  });
}

void norm_backward(Backend& memory, Stream stream, Tickets& tickets, const NormSpec& spec,
                   const NormWeights& w, const Tensor& x, const NormSaved& saved, const Tensor& dy,
                   const Tensor& more, const Backend::NormGradients& out) {
  const kernels::NormExtent extent = norm_extent(x);
  const ColumnScratch scratch(memory, tickets, extent.channels);
  const Tensor coefficients(memory, {2, extent.channels}, DType::f32);
  const kernels::NormGradientSums sums{out.dgamma.data<float>(), out.dbeta.data<float>(),
                                       coefficients.data<float>(), out.write == Write::accumulate};
  with_type(x, [&]<class T>() {
    // Without a residual the side of zero follows from x; and where all sides are alike, from none.
    const Tensor signs = spec.slope != 1.f ? saved.signs : Tensor();
    const kernels::NormArriving<T> in{dy.data<T>(), data_or_null<T>(more),
                                      data_or_null<std::uint8_t>(signs), x.data<T>(), spec.slope};
    kernels::norm_gradient_sums(extent, channels_of(w, saved), in, sums, scratch, stream);
    kernels::norm_gradient_apply(extent, channels_of(w, saved), in, coefficients.data<float>(),
                                 out.dx.data<T>(), stream);
  });
}

}  // namespace peclr::gpu
