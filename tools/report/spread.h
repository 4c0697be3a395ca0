// SPDX-License-Identifier: Apache-2.0
// Mean and spread of a few values.
#pragma once
#include <cmath>
#include <span>
#include <string>

namespace peclr {

// Of the finite values: mean and sample standard deviation (n - 1), NaN where n is too small.
struct Spread {
  double mean = NAN, deviation = NAN;
  int count = 0;
};
Spread spread_of(std::span<const double> values);
std::string text_of(const Spread& spread, int digits);  // "2.42 ± 0.03", "2.42", or nothing

}  // namespace peclr
