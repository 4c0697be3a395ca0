// SPDX-License-Identifier: Apache-2.0
// Mean pooling on a GPU: Backend's functions, tensors unpacked for the kernels.
#pragma once
#include "engine/backend.h"
#include "kernels/stream.h"

namespace peclr::gpu {

void mean_pool(Stream stream, const Tensor& x, const Tensor& y);
void mean_pool_backward(Stream stream, const Tensor& dy, const Tensor& dx);

}  // namespace peclr::gpu
