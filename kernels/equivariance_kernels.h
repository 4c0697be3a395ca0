// SPDX-License-Identifier: Apache-2.0
// Launches the inversion of the views' transforms (kernels/equivariance.h) and its gradient.
#pragma once
#include <cstdint>

#include "kernels/equivariance.h"
#include "kernels/stream.h"

namespace peclr::kernels {

// projection f32 [rows, dim], views [rows], of which only what `what` names is read.
struct InvertViewsInput {
  const float* projection;
  const ViewTransform* views;
  Inversion what;
  std::int64_t rows;
  int dim;
};

// z [rows, dim]: unit vectors; zeros for a row of zeros, NaN for one whose norm overflows f32.
// Throws std::invalid_argument for an odd dim. Rows are aligned to 8 bytes.
void invert_views(const InvertViewsInput& in, float* z, Stream stream);

// dprojection [rows, dim] from dz [rows, dim]; the two may be the same memory.
void invert_views_backward(const InvertViewsInput& in, const float* dz, float* dprojection,
                           Stream stream);

}  // namespace peclr::kernels
