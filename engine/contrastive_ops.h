// SPDX-License-Identifier: Apache-2.0
// PeCLR's differentiable ops: kernels/equivariance.h and kernels/ntxent.h on the tape.
#pragma once
#include "engine/backend.h"
#include "engine/tape.h"

namespace peclr::ops {

// projection [2N, D] (D even) -> unit vectors z [2N, D] with the views' transforms undone; views
// [2N, 4] f32, each row a ViewTransform. An empty inversion is SimCLR's plain normalisation.
Variable invert_views(Tape& tape, const Variable& projection, const Tensor& views, Inversion what);

// z [2N, D]: view 1 of all pictures, then view 2. summary: a NtxentSummary.
struct NtxentLoss {
  Variable loss;
  Tensor summary;
};
NtxentLoss ntxent(Tape& tape, const Variable& z, const NtxentOptions& options);

}  // namespace peclr::ops
