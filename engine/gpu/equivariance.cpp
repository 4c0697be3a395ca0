// SPDX-License-Identifier: Apache-2.0
#include "engine/gpu/equivariance.h"

#include "kernels/equivariance_kernels.h"

namespace peclr::gpu {
namespace {

kernels::InvertViewsInput input(const Tensor& projection, const Tensor& views, Inversion what) {
  static_assert(sizeof(ViewTransform) == 4 * sizeof(float));
  return {projection.data<float>(), reinterpret_cast<const ViewTransform*>(views.data<float>()),
          what, projection.shape()[0], static_cast<int>(projection.shape()[1])};
}

}  // namespace

void invert_views(Stream stream, const Tensor& projection, const Tensor& views, Inversion what,
                  const Tensor& z) {
  kernels::invert_views(input(projection, views, what), z.data<float>(), stream);
}

void invert_views_backward(Stream stream, const Tensor& projection, const Tensor& views,
                           Inversion what, const Tensor& dz, const Tensor& dprojection) {
  kernels::invert_views_backward(input(projection, views, what), dz.data<float>(),
                                 dprojection.data<float>(), stream);
}

}  // namespace peclr::gpu
