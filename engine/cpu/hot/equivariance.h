// SPDX-License-Identifier: Apache-2.0
// Undoes the views' transforms on their projections, and the gradient of that. Formulas:
// kernels/equivariance.h.
#pragma once
#include <cstdint>

#include "kernels/equivariance.h"
#include "kernels/host_device.h"

PECLR_BEGIN

// z [rows, dim] = the unit vectors that NT-Xent compares. projection [rows, dim], dim even; views
// [rows], of which only what `what` names is read. A row of zeros gives zeros; one whose norm
// overflows f32 gives NaN.
void invert_views(const float* projection, const ViewTransform* views, Inversion what,
                  std::int64_t rows, std::int64_t dim, float* z);

// grad_projection [rows, dim] from grad_z [rows, dim]; everything else is computed again from the
// projection. The two may be the same memory.
void invert_views_backward(const float* projection, const ViewTransform* views, Inversion what,
                           const float* grad_z, std::int64_t rows, std::int64_t dim,
                           float* grad_projection);

PECLR_END
