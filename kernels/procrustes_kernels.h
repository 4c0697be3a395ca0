// SPDX-License-Identifier: Apache-2.0
// Launches batched Procrustes alignment (kernels/procrustes.h).
#pragma once
#include "kernels/procrustes.h"
#include "kernels/stream.h"

namespace peclr::kernels {

// Any number of poses and points; 21 points on memory aligned to 16 bytes are fastest. Sums and the
// aligned points are calculated in f32 on centred coordinates, the rotation in double.
void procrustes(const ProcrustesInput& in, const ProcrustesOutput& out, Stream stream);

}  // namespace peclr::kernels
