// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "tests/cuda_fake/dnn/descriptor.h"

struct cudnnContext {  // cuDNN's headers only name it
  cudaStream_t stream = nullptr;
};

namespace peclr::fake {

// Throws Refusal where cuDNN would refuse, Misuse where it could not know.
void execute(const cudnnContext& handle, const Descriptor& plan, const Descriptor& pack);

}  // namespace peclr::fake
