// SPDX-License-Identifier: Apache-2.0
// Loops of pooling and of element-wise addition, on any channel block (see NormExtent in norm.h).
#pragma once
#include <cstdint>

#include "kernels/bf16.h"
#include "kernels/host_device.h"

namespace peclr {

// Of the larger side; behind max pooling it is (side + 1) / 2 a side.
struct PoolExtent {
  std::int64_t images, height, width, channels, block;
};

}  // namespace peclr

PECLR_BEGIN

// y [N, C], mean over height and width; and its gradient.
template <class T>
void mean_pool(const PoolExtent& extent, const T* x, float* y);
template <class T>
void mean_pool_backward(const PoolExtent& extent, const float* dy, T* dx);

template <class T>
void add_into(std::int64_t count, const T* x, T* into);

PECLR_END
