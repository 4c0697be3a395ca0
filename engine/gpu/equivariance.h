// SPDX-License-Identifier: Apache-2.0
// The inversion of views on a GPU: Backend's functions, tensors unpacked for the kernels.
#pragma once
#include "engine/backend.h"
#include "kernels/stream.h"

namespace peclr::gpu {

void invert_views(Stream stream, const Tensor& projection, const Tensor& views, Inversion what,
                  const Tensor& z);
void invert_views_backward(Stream stream, const Tensor& projection, const Tensor& views,
                           Inversion what, const Tensor& dz, const Tensor& dprojection);

}  // namespace peclr::gpu
