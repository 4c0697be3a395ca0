// SPDX-License-Identifier: Apache-2.0
// NT-Xent on a GPU: Backend's functions, tensors unpacked for the kernels.
#pragma once
#include "engine/backend.h"
#include "kernels/stream.h"

namespace peclr::gpu {

// Throw Error(failure) for more dimensions than the kernels take, or operands that are neither f32
// nor bf16.
void ntxent(Backend& memory, Stream stream, const Tensor& z, const NtxentOptions& options,
            const Tensor& rows, const Tensor& summary);
void ntxent_backward(Backend& memory, Stream stream, const Tensor& z, const NtxentOptions& options,
                     const Tensor& rows, const Tensor& dloss, const Tensor& dz);

}  // namespace peclr::gpu
