// SPDX-License-Identifier: Apache-2.0
// The contrastive objective in double, written from its formulas with whole matrices: slow, plain,
// and sharing nothing with the code under test but the structs of its input.
#pragma once
#include <complex>
#include <cstdint>
#include <vector>

#include "kernels/equivariance.h"

namespace peclr::test {

using Doubles = std::vector<double>;

// What the gradient holds constant: extent and mean of a row's normalised points, before anything
// is undone.
struct RowFrame {
  std::complex<double> extent, mean;
};

struct ReferenceViews {
  std::int64_t rows = 0, dim = 0;
  std::vector<ViewTransform> views;
  Inversion what;
};

std::vector<RowFrame> reference_frames(const ReferenceViews& in, const Doubles& projection);

// z [rows, dim], with the frames given: those of `projection`, or frozen ones for finite
// differences.
Doubles reference_invert(const ReferenceViews& in, const std::vector<RowFrame>& frames,
                         const Doubles& projection);
// The gradient of the projection, by each row's Jacobian matrices.
Doubles reference_invert_backward(const ReferenceViews& in, const Doubles& projection,
                                  const Doubles& grad_z);

struct ReferenceLoss {
  double loss = 0;
  Doubles anchor;  // loss of each row
  Doubles grad_z;  // [rows, dim]
  double positive_similarity = 0, negative_similarity = 0, top1 = 0;
};

// partner[i] is the row that anchor i must find; the standard one is i + N or i - N.
ReferenceLoss reference_ntxent(std::int64_t rows, std::int64_t dim, double temperature,
                               const Doubles& z, const std::vector<std::int64_t>& partner);
std::vector<std::int64_t> standard_partners(std::int64_t rows);

// Unit rows; view 2 is view 1 plus `apart` times noise, all rows share `common` of one direction.
std::vector<float> random_rows(std::int64_t rows, std::int64_t dim, float apart = .5f,
                               float common = 0);

}  // namespace peclr::test
