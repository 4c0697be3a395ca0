// SPDX-License-Identifier: Apache-2.0
// Loops of pooling and of element-wise addition, on any channel block (see NormExtent in norm.h).
#pragma once
#include <cstdint>

#include "kernels/bf16.h"
#include "kernels/host_device.h"

namespace peclr {

struct PoolExtent {
  std::int64_t images, height, width, channels,
      block;  // of the input; the output is (side + 1) / 2 a side
};

}  // namespace peclr

PECLR_BEGIN

// 3x3, stride 2, padding 1. where: the winner's place 0..8 in its window (the first of equals).
template <class T>
void max_pool(const PoolExtent& extent, const T* x, T* y, std::uint8_t* where);
template <class T>
void max_pool_backward(const PoolExtent& extent, const T* dy, const std::uint8_t* where, T* dx);

// y [N, C], mean over height and width; and its gradient.
template <class T>
void mean_pool(const PoolExtent& extent, const T* x, float* y);
template <class T>
void mean_pool_backward(const PoolExtent& extent, const float* dy, T* dx);

template <class T>
void add_into(std::int64_t count, const T* x, T* into);

PECLR_END
