// SPDX-License-Identifier: Apache-2.0
// Batched alignment on a GPU: Backend's function, tensors unpacked for the kernel.
#pragma once
#include "engine/backend.h"
#include "kernels/stream.h"

namespace peclr::gpu {

void procrustes(Stream stream, const Tensor& source, const Tensor& target, Alignment rule,
                const ProcrustesTensors& out);

}  // namespace peclr::gpu
