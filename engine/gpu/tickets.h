// SPDX-License-Identifier: Apache-2.0
// Counters for kernels in which the block that finishes last goes on alone (kernels/last_block.h):
// they find them at zero and leave them so. Kernels of one stream share them.
#pragma once
#include "engine/backend.h"

namespace peclr::gpu {

class Tickets {
 public:
  // At least `count`. Throws Error(failure) for more than there are.
  unsigned* get(Backend& memory, int count) {
    check(count <= kCount, "a reduction over {} tiles of channels; there are {} counters", count,
          kCount);
    if (!counters_.defined()) {
      counters_ = Tensor::lasting(memory, {kCount}, DType::i32);
      memory.zero(counters_);
    }
    return reinterpret_cast<unsigned*>(counters_.data<std::int32_t>());
  }

 private:
  static constexpr int kCount = 4096;
  Tensor counters_;
};

}  // namespace peclr::gpu
