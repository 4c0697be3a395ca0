// SPDX-License-Identifier: Apache-2.0
// The backend of NVIDIA's GPUs: its libraries for memory and products, our kernels for the rest.
#pragma once
#include "engine/cuda/cudnn_backend.h"
#include "engine/gpu/with_kernels.h"

namespace peclr {

using CudaBackend = WithKernels<CudnnBackend>;

}  // namespace peclr
