// SPDX-License-Identifier: Apache-2.0
// Mean pooling of [images, height, width, channels] values of type T (float or bf16). Fast where
// channels are a multiple of a 16-byte pack and addresses are aligned to it, right everywhere. One
// launch each, every value written once.
#pragma once
#include <cstdint>

#include "kernels/bf16.h"
#include "kernels/stream.h"

namespace peclr::kernels {

// Of the larger side; behind max pooling (norm_max_pool_kernels.h) it is (side + 1) / 2 a side.
struct PoolExtent {
  std::int64_t images;
  int height, width, channels;

  int out_height() const { return (height + 1) / 2; }
  int out_width() const { return (width + 1) / 2; }
};

// y f32 [images, channels], mean over height and width; and its gradient.
template <class T>
void mean_pool(const PoolExtent& extent, const T* x, float* y, Stream stream);
template <class T>
void mean_pool_backward(const PoolExtent& extent, const float* dy, T* dx, Stream stream);

}  // namespace peclr::kernels
