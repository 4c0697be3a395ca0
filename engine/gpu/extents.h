// SPDX-License-Identifier: Apache-2.0
// What the kernels over activations must know of a tensor's shape.
#pragma once
#include "engine/tensor.h"
#include "kernels/norm_act_kernels.h"
#include "kernels/pool_kernels.h"

namespace peclr::gpu {

inline kernels::NormExtent norm_extent(const Tensor& x) {
  const std::int64_t channels = x.shape().last();
  return {x.count() / channels, static_cast<int>(channels)};
}

inline kernels::PoolExtent pool_extent(const Tensor& x) {
  const Shape& s = x.shape();
  return {s[0], static_cast<int>(s[1]), static_cast<int>(s[2]), static_cast<int>(s[3])};
}

}  // namespace peclr::gpu
