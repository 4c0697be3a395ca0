// SPDX-License-Identifier: Apache-2.0
// From tensors to what the kernels' launchers take.
#pragma once
#include "engine/backend.h"

namespace peclr::gpu {

// body.template operator()<T>() for the element type of an activation, which lies as [N, H, W, C].
template <class F>
void with_type(const Tensor& x, F body) {
  check(x.plain(), "kernels need plain activations, got {} in blocks of {} channels",
        x.shape().text(), x.channel_block());
  check(x.dtype() == DType::f32 || x.dtype() == DType::bf16,
        "kernels work on f32 and bf16, got {} of {}", x.shape().text(), name_of(x.dtype()));
  if (x.dtype() == DType::bf16)
    body.template operator()<bf16>();
  else
    body.template operator()<float>();
}

}  // namespace peclr::gpu
