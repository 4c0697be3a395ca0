// SPDX-License-Identifier: Apache-2.0
// What the loops over activations must know of a tensor's layout.
#pragma once
#include "engine/cpu/hot/norm.h"
#include "engine/cpu/hot/pool.h"
#include "engine/tensor.h"

namespace peclr {

inline NormExtent norm_extent(const Tensor& x) {
  const Shape& s = x.shape();
  const std::int64_t channels = s.last();
  if (s.rank() == 4) return {s[0], s[1] * s[2], channels, x.channel_block()};
  return {s.count() / channels, 1, channels, channels};
}

inline PoolExtent pool_extent(const Tensor& x) {
  const Shape& s = x.shape();
  return {s[0], s[1], s[2], s[3], x.channel_block()};
}

}  // namespace peclr
