// SPDX-License-Identifier: Apache-2.0
#include "engine/gpu/norm.h"

#include "engine/gpu/columns.h"
#include "engine/gpu/extents.h"
#include "engine/gpu/types.h"
#include "kernels/norm_max_pool_kernels.h"

namespace peclr::gpu {
namespace {

// As norm_train has left it, or is about to.
kernels::NormChannels channels_of(const NormInput& in) {
  const float* mean = in.moments.data<float>();
  return {in.weights.gamma.data<float>(), in.weights.beta.data<float>(), mean,
          mean + in.moments.shape()[1]};
}
kernels::NormRunning running_channels_of(const NormInput& in, float eps) {
  const NormWeights& w = in.weights;
  return {w.gamma.data<float>(), w.beta.data<float>(), w.running_mean.data<float>(),
          w.running_variance.data<float>(), eps};
}

// A norm whose sums leave two numbers a channel in `coefficients`.
template <class T>
kernels::NormBranch<T> branch_of(const NormInput& in, const NormBackward::Weights& out,
                                 float* coefficients, const Tensor& dx) {
  return {in.x.data<T>(),
          channels_of(in),
          out.dgamma.data<float>(),
          out.dbeta.data<float>(),
          coefficients,
          out.write == Write::accumulate,
          dx.data<T>()};
}

void take_statistics(Backend& memory, Stream stream, Tickets& tickets, const NormSpec& spec,
                     const NormInput& in) {
  const kernels::NormExtent extent = norm_extent(in.x);
  const ColumnScratch scratch(memory, tickets, extent.channels);
  float* mean = in.moments.data<float>();
  const kernels::NormBatch batch{mean,
                                 mean + extent.channels,
                                 in.weights.running_mean.data<float>(),
                                 in.weights.running_variance.data<float>(),
                                 spec.eps,
                                 spec.momentum};
  with_type(in.x, [&]<class T>() {
    kernels::norm_statistics(extent, in.x.data<T>(), batch, scratch, stream);
  });
}

}  // namespace

void norm_train(Backend& memory, Stream stream, Tickets& tickets, const NormSpec& spec,
                const NormInput& in, const NormInput& residual, const Tensor& y,
                const Tensor& signs) {
  if (residual.normalised()) take_statistics(memory, stream, tickets, spec, residual);
  take_statistics(memory, stream, tickets, spec, in);  // last: the next pass reads its x first
  with_type(in.x, [&]<class T>() {
    const kernels::NormResidual<T, kernels::NormChannels> added{
        data_or_null<T>(residual.x),
        residual.normalised() ? channels_of(residual) : kernels::NormChannels{}};
    kernels::norm_apply(norm_extent(in.x), channels_of(in), spec.slope, in.x.data<T>(), added,
                        y.data<T>(), data_or_null<std::uint8_t>(signs), stream);
  });
}

Tensor norm_signs(Backend& memory, const Tensor& y) {
  const std::int64_t bytes = kernels::norm_sign_bytes(norm_extent(y), size_of(y.dtype()));
  return Tensor(memory, {bytes}, DType::u8);
}

void norm_evaluate(Stream stream, const NormSpec& spec, const NormInput& in,
                   const NormInput& residual, const Tensor& y) {
  with_type(in.x, [&]<class T>() {
    const kernels::NormResidual<T, kernels::NormRunning> added{
        data_or_null<T>(residual.x),
        residual.normalised() ? running_channels_of(residual, spec.eps) : kernels::NormRunning{}};
    kernels::norm_apply_running(norm_extent(in.x), running_channels_of(in, spec.eps), spec.slope,
                                in.x.data<T>(), added, y.data<T>(), stream);
  });
}

void norm_backward(Backend& memory, Stream stream, Tickets& tickets, const NormSpec& spec,
                   const NormBackward& b) {
  const kernels::NormExtent extent = norm_extent(b.in.x);
  const ColumnScratch scratch(memory, tickets, extent.channels);
  const Tensor coefficients(memory, {2, 2, extent.channels}, DType::f32);
  with_type(b.in.x, [&]<class T>() {
    // Without a residual the side of zero follows from x; and where all sides are alike, from none.
    const Tensor signs = spec.slope != 1.f ? b.signs : Tensor();
    const kernels::NormArriving<T> in{b.dy.data<T>(), data_or_null<T>(b.more),
                                      data_or_null<std::uint8_t>(signs), spec.slope};
    float* numbers = coefficients.data<float>();
    const auto main = branch_of<T>(b.in, b.of_in, numbers, b.dx);
    kernels::NormBranch<T> beside{};
    if (b.residual.normalised())
      beside = branch_of<T>(b.residual, b.of_residual, numbers + 2 * extent.channels, b.dy);
    const auto* second = b.residual.normalised() ? &beside : nullptr;
    kernels::norm_gradient_sums(extent, in, main, second, scratch, stream);
    kernels::norm_gradient_apply(extent, in, main, second, stream);
  });
}

void norm_max_pool_train(Backend& memory, Stream stream, Tickets& tickets, const NormSpec& spec,
                         const NormInput& in, const Tensor& y, const PoolWinners& won) {
  take_statistics(memory, stream, tickets, spec, in);
  with_type(in.x, [&]<class T>() {
    kernels::norm_max_pool<T>(pool_extent(in.x), channels_of(in), spec.slope, in.x.data<T>(),
                              y.data<T>(), {won.where.data<std::uint8_t>(), won.x.data<T>()},
                              stream);
  });
}

void norm_max_pool_evaluate(Stream stream, const NormSpec& spec, const NormInput& in,
                            const Tensor& y) {
  with_type(in.x, [&]<class T>() {
    kernels::norm_max_pool_running(pool_extent(in.x), running_channels_of(in, spec.eps), spec.slope,
                                   in.x.data<T>(), y.data<T>(), stream);
  });
}

void norm_max_pool_backward(Backend& memory, Stream stream, Tickets& tickets, const NormSpec& spec,
                            const PoolWinners& won, const NormBackward& b) {
  const kernels::NormExtent windows = norm_extent(b.dy);
  const ColumnScratch scratch(memory, tickets, windows.channels);
  const Tensor coefficients(memory, {2, windows.channels}, DType::f32);
  with_type(b.in.x, [&]<class T>() {
    const kernels::NormArriving<T> in{
        .dy = b.dy.data<T>(), .more = data_or_null<T>(b.more), .slope = spec.slope};
    auto branch = branch_of<T>(b.in, b.of_in, coefficients.data<float>(), b.dx);
    branch.x = won.x.data<T>();
    branch.values = norm_extent(b.in.x).rows;
    kernels::norm_gradient_sums<T>(windows, in, branch, nullptr, scratch, stream);
    branch.x = b.in.x.data<T>();
    kernels::norm_max_pool_gradient(pool_extent(b.in.x), in, branch, won.where.data<std::uint8_t>(),
                                    stream);
  });
}

}  // namespace peclr::gpu
