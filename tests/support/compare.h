// SPDX-License-Identifier: Apache-2.0
// Comparisons in which a NaN on either side is a failure.
#pragma once
#include <cmath>
#include <cstddef>
#include <limits>

namespace peclr::test {

// |got - want| / |want| over n values; |got| where want is zero; infinity if anything is not
// finite.
template <class A, class B>
double relative_l2(const A* got, const B* want, std::size_t n) {
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double d = double(got[i]) - double(want[i]);
    difference += d * d;
    norm += double(want[i]) * double(want[i]);
  }
  if (!std::isfinite(difference) || !std::isfinite(norm))
    return std::numeric_limits<double>::infinity();
  return std::sqrt(norm > 0 ? difference / norm : difference);
}

template <class A, class B>
double max_abs(const A* got, const B* want, std::size_t n) {
  double worst = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double d = std::abs(double(got[i]) - double(want[i]));
    if (!std::isfinite(d)) return std::numeric_limits<double>::infinity();
    if (d > worst) worst = d;
  }
  return worst;
}

// The larger; a NaN, once there, stays.
inline double worse(double a, double b) { return a >= b || std::isnan(a) ? a : b; }

}  // namespace peclr::test
