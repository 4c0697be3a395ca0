// SPDX-License-Identifier: Apache-2.0
// CUDA's errors: returned, and kept as the thread's last.
#pragma once
#include <cuda_runtime_api.h>

#include <mutex>

namespace peclr::fake {

// Keeps it as the thread's last error unless it is cudaSuccess, and returns it.
cudaError_t result(cudaError_t status);

// Held by every function of the runtime: the stand-in does one thing at a time.
std::unique_lock<std::recursive_mutex> locked();

}  // namespace peclr::fake
