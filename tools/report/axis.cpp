// SPDX-License-Identifier: Apache-2.0
#include "tools/report/axis.h"

#include <algorithm>
#include <cmath>

namespace peclr {

void cover(ChartRange& range, double v) {
  range.low = std::min(range.low, v);
  range.high = std::max(range.high, v);
}

ChartRange padded(ChartRange r) {
  if (!(r.low <= r.high)) return {0, 1};
  const double pad =
      r.high > r.low ? 0.04 * (r.high - r.low) : std::max(1e-3, 0.1 * std::abs(r.low));
  return {r.low - pad, r.high + pad};
}

std::vector<double> ticks_of(ChartRange range, int wanted) {
  const double rough = (range.high - range.low) / wanted;
  if (!(rough > 0) || !std::isfinite(rough)) return {};
  const double power = std::pow(10, std::floor(std::log10(rough)));
  double step = power;
  for (const double nice : {2.0, 5.0, 10.0})
    if (nice * power <= rough * 1.001) step = nice * power;
  std::vector<double> ticks;
  for (double i = std::ceil(range.low / step - 1e-9); i * step <= range.high + 1e-9 * step; ++i)
    ticks.push_back(i * step + 0.0);  // never -0
  return ticks;
}

}  // namespace peclr
