// SPDX-License-Identifier: Apache-2.0
// Sums, scales, casts, padding and gradients of biases on a GPU: for Backend's functions, and for
// what a backend needs around its libraries.
#pragma once
#include "engine/backend.h"
#include "engine/gpu/tickets.h"
#include "kernels/stream.h"

namespace peclr::gpu {

void add(Stream stream, const Tensor& x, const Tensor& into);      // f32 or bf16
void scale(Stream stream, const Tensor& x, const Tensor& factor);  // f32; factor [1]

// The same numbers in to's type, f32 or bf16; no copy between equal types.
void cast(Stream stream, const Tensor& from, const Tensor& to);

// f32 [.., 3] into f32 or bf16 [.., 4 or 8], zeros in the new channels.
void pad_channels(Stream stream, const Tensor& from, const Tensor& to);

// A bias's gradient db [O] from dy [B, O]. f32.
void bias_gradient(Backend& memory, Stream stream, Tickets& tickets, const Tensor& dy,
                   const Tensor& db, Write write);

}  // namespace peclr::gpu
