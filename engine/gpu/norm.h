// SPDX-License-Identifier: Apache-2.0
// Batch normalisation, with max pooling behind it or without, on a GPU: Backend's functions,
// tensors unpacked for the kernels.
#pragma once
#include "engine/backend.h"
#include "engine/gpu/tickets.h"
#include "kernels/stream.h"

namespace peclr::gpu {

void norm_train(Backend& memory, Stream stream, Tickets& tickets, const NormSpec& spec,
                const NormInput& in, const NormInput& residual, const Tensor& y,
                const Tensor& signs);
Tensor norm_signs(Backend& memory, const Tensor& y);  // u8, of bits
void norm_evaluate(Stream stream, const NormSpec& spec, const NormInput& in,
                   const NormInput& residual, const Tensor& y);
void norm_backward(Backend& memory, Stream stream, Tickets& tickets, const NormSpec& spec,
                   const NormBackward& b);

void norm_max_pool_train(Backend& memory, Stream stream, Tickets& tickets, const NormSpec& spec,
                         const NormInput& in, const Tensor& y, const PoolWinners& won);
void norm_max_pool_evaluate(Stream stream, const NormSpec& spec, const NormInput& in,
                            const Tensor& y);
void norm_max_pool_backward(Backend& memory, Stream stream, Tickets& tickets, const NormSpec& spec,
                            const PoolWinners& won, const NormBackward& b);

}  // namespace peclr::gpu
