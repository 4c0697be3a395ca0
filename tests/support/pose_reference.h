// SPDX-License-Identifier: Apache-2.0
// The pose maths once more, in double and by other ways than kernels/ takes: Horn's quaternion
// instead of an SVD, bisection instead of the quadratic, cofactors instead of a 2x2 inverse.
#pragma once
#include <array>
#include <vector>

namespace peclr::test {

using Double3 = std::array<double, 3>;
using Double9 = std::array<double, 9>;  // row-major

struct ReferenceFit {
  Double9 rotation;
  double scale;
  Double3 translation;
  std::vector<Double3> aligned;
  double error;  // mean distance from the target
};

// The proper similarity from source to target, row vectors, by Horn (1987): the rotation is the
// eigenvector of the largest eigenvalue of a symmetric 4x4 matrix. With `reflections` the better of
// source and mirrored source counts.
ReferenceFit horn_fit(const std::vector<Double3>& source, const std::vector<Double3>& target,
                      bool reflections);

double determinant(const Double9& m);

// K^-1 (u, v, 1) by cofactors of the whole 3x3 matrix.
Double3 reference_ray(const Double9& K, double u, double v);

// The larger root depth at which the bone p * (zp + Z), q * (zq + Z) has length 1, by bisection
// from above.
double reference_root_depth(const Double3& p, double zp, const Double3& q, double zq);

}  // namespace peclr::test
