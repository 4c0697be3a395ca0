// SPDX-License-Identifier: Apache-2.0
// Symmetric positive definite systems of up to a few thousand unknowns, in double: sums of outer
// products, Cholesky's factor, solutions. Only the upper triangle of a matrix (row-major [n, n]) is
// meant; what stands below the diagonal is undefined. Each element is summed in one fixed order, so
// results do not depend on the number of threads.
#pragma once
#include <cstdint>
#include <span>

namespace peclr {

// matrix += the sum of r^T r over the rows r [n]. Products and sums are double.
void add_outer_products(double* matrix, std::int64_t n, std::span<const float* const> rows);

// Replaces A by U, A = U^T U. False where a pivot is not above `least`, and A so not (or only by
// rounding) positive definite; A is then spoilt.
[[nodiscard]] bool factor_cholesky(double* matrix, std::int64_t n, double least = 0);

// Solves U^T U X = B in place; b [n, columns].
void solve_cholesky(const double* u, std::int64_t n, double* b, std::int64_t columns);

}  // namespace peclr
