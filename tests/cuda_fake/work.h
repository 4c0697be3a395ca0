// SPDX-License-Identifier: Apache-2.0
// What the stand-ins for cuDNN and cuBLASLt, and the emulator's launches, need of the runtime's.
// They lie in libraries of their own, and find these functions in the program.
#pragma once
#include <cstddef>
#include <functional>

#include "kernels/stream.h"
#include "tests/cuda_fake/misuse.h"

namespace peclr::fake {

using Work = std::function<void()>;

// Behind all that the stream has been asked for, or into the graph that it records. Returns a
// cudaError_t: cudaErrorStreamCaptureInvalidated where the recording has failed already.
int enqueue(Stream stream, const char* function, Work work);

// Throws Misuse unless the bytes lie in one block of the stream's card.
void require_memory(Stream stream, const char* function, const void* data, std::size_t bytes);

}  // namespace peclr::fake
