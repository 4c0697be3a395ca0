// SPDX-License-Identifier: Apache-2.0
// The jobs of our kernels as cuDNN and cuBLASLt do them.
#pragma once
#include "benchmarks/gpu/machine.h"
#include "engine/cuda/blas.h"

namespace peclr::bench {

// Work goes to `stream`, which is that of `blas`; data is `backend`'s.
std::unique_ptr<Libraries> make_libraries(Backend& backend, Stream stream, cuda::Blas& blas);

}  // namespace peclr::bench
