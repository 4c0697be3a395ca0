// SPDX-License-Identifier: Apache-2.0
// Ridge regression with several targets, the linear probe of frozen features. With z the features
// standardised by the mean and deviation of the fitted samples, it minimises
//   mean over samples of |y - mean(y) - z W|^2 + lambda |W|^2,
// so that W = (Z^T Z / n + lambda I)^-1 Z^T (Y - mean(Y)) / n: lambda means the same for any number
// of samples and any scale of features. All in double.
#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace peclr {

// Rows of equal width, row-major [rows, columns]; borrowed.
struct MatrixView {
  const float* data = nullptr;
  std::int64_t rows = 0, columns = 0;
  const float* row(std::int64_t i) const { return data + i * columns; }
};

// What a fit needs to know of its samples. The sums of disjoint parts of the samples add up, so
// that folds are summed once and combined.
struct RidgeSums {
  RidgeSums(std::int64_t dims, std::int64_t targets);

  // Adds the samples with these numbers: features [N, D], targets [N, T]. Throws Error(failure)
  // when the shapes do not fit.
  void add(const MatrixView& features, const MatrixView& values,
           std::span<const std::int64_t> samples);
  RidgeSums& operator+=(const RidgeSums& other);  // throws likewise

  std::int64_t dims, targets, count = 0;
  std::vector<double> x, xx;  // sums of features [D] and of their products [D, D], upper triangle
  std::vector<double> y, xy;  // sums of targets [T] and of products with features [D, T]
};

// y = bias + x weights for features x as they come.
struct Ridge {
  std::int64_t dims = 0, targets = 0;
  std::vector<double> weights;  // [D, T]
  std::vector<double> bias;     // [T]

  // Of the samples with these numbers: [samples, T]. Throws Error(failure) when the features are
  // not D wide.
  std::vector<float> predict(const MatrixView& features,
                             std::span<const std::int64_t> samples) const;
};

// A feature that does not vary gets weight 0. Throws Error(failure) for no samples or lambda < 0,
// Error(data) when the features are not finite or lambda is too small for a unique solution.
Ridge fit_ridge(const RidgeSums& sums, double lambda);

// The lambda of the grid whose fit on `sums` has the least loss, which should be taken on samples
// that are neither in the sums nor in a test; of equal ones the largest. Throws as fit_ridge does,
// and Error(failure) when no loss is finite.
inline constexpr std::array kRidgeLambdas{1e-3, 1e-2, 1e-1, 1e0, 1e1, 1e2, 1e3};
double choose_lambda(const RidgeSums& sums, const std::function<double(const Ridge&)>& loss);

}  // namespace peclr
