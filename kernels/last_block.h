// SPDX-License-Identifier: Apache-2.0
// The block that finishes last may read what all others have written: a second pass without a
// second launch.
#pragma once
#include "kernels/device.h"

namespace peclr::kernels {

// All threads call it after their last write to global memory, and all of the last block get true.
// `finished` [1] in global memory is 0 before the launch and 0 again after it; `flag` is shared.
PECLR_DEVICE bool is_last_block(unsigned* finished, unsigned blocks, bool& flag) {
  __threadfence();  // my writes before the count
  __syncthreads();
  if (threadIdx.x == 0) {
    flag = atomicInc(finished, blocks - 1) == blocks - 1;
    __threadfence();  // the count before anybody's reads
  }
  __syncthreads();
  return flag;
}

}  // namespace peclr::kernels
