// SPDX-License-Identifier: Apache-2.0
// A series of measurements in three numbers.
#pragma once
#include <algorithm>
#include <vector>

namespace peclr::bench {

struct Quartiles {
  double low = 0, median = 0, high = 0;

  Quartiles() = default;
  explicit Quartiles(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    const auto at = [&](double q) {
      return values[static_cast<std::size_t>(q * static_cast<double>(values.size() - 1) + 0.5)];
    };
    low = at(0.25), median = at(0.5), high = at(0.75);
  }
};

// The ratio of two series by pairs, which shared what else the machine was doing.
inline Quartiles ratios(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> out;
  for (std::size_t i = 0; i < a.size(); ++i) out.push_back(a[i] / b[i]);
  return Quartiles(out);
}

}  // namespace peclr::bench
