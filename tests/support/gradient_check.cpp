// SPDX-License-Identifier: Apache-2.0
#include "tests/support/gradient_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace peclr::test {

std::string GradientReport::text() const {
  return fmt::format("{} elements, {} at kinks; worst difference {} at {}, gradients up to {}",
                     looked, kinks, worst, at, scale);
}

double finite_difference(const std::function<double(const std::vector<double>&)>& f,
                         std::vector<double> x, std::size_t at, double step) {
  const double middle = x[at];
  const auto value = [&](double k) {
    x[at] = middle + k * step;
    return f(x);
  };
  return (8 * (value(1) - value(-1)) - (value(2) - value(-2))) / (12 * step);
}

GradientReport check_gradient(const std::function<double(const std::vector<double>&)>& f,
                              const std::vector<double>& x, const std::vector<double>& gradient,
                              const DifferenceOptions& options) {
  GradientReport report;
  if (x.size() != gradient.size() || x.empty()) {
    report.worst = std::numeric_limits<double>::infinity();
    return report;
  }
  const std::size_t samples = options.samples == 0 ? x.size() : std::min(options.samples, x.size());
  for (std::size_t i = 0; i < samples; ++i) {
    const std::size_t at = i * x.size() / samples;
    const double coarse = finite_difference(f, x, at, options.step),
                 fine = finite_difference(f, x, at, options.step / 2);
    ++report.looked;
    if (std::abs(coarse - fine) > 1e-3 * (std::abs(coarse) + std::abs(fine)) + 1e-8) {
      ++report.kinks;
      continue;
    }
    const double difference = std::abs(fine - gradient[at]);
    report.scale = std::max(report.scale, std::abs(gradient[at]));
    if (!std::isfinite(difference)) {
      report.worst = std::numeric_limits<double>::infinity();
      report.at = at;
    } else if (difference > report.worst) {
      report.worst = difference;
      report.at = at;
    }
  }
  return report;
}

}  // namespace peclr::test
