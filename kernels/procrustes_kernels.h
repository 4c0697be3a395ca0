// SPDX-License-Identifier: Apache-2.0
// Launches batched Procrustes alignment (kernels/procrustes.h).
#pragma once
#include "kernels/procrustes.h"
#include "kernels/stream.h"

namespace peclr::kernels {

// Any number of poses and points; 21 points on memory aligned to 16 bytes are fastest. Sums and the
// SVD are calculated in double, the aligned points in f32.
void procrustes(const ProcrustesInput& in, const ProcrustesOutput& out, Stream stream);

}  // namespace peclr::kernels
