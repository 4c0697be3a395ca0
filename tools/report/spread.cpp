// SPDX-License-Identifier: Apache-2.0
#include "tools/report/spread.h"

#include <fmt/format.h>

namespace peclr {

Spread spread_of(std::span<const double> values) {
  Spread spread;
  double sum = 0, squares = 0;
  for (const double x : values)
    if (std::isfinite(x)) sum += x, ++spread.count;
  if (spread.count == 0) return spread;
  spread.mean = sum / spread.count;
  for (const double x : values)
    if (std::isfinite(x)) squares += (x - spread.mean) * (x - spread.mean);
  if (spread.count > 1) spread.deviation = std::sqrt(squares / (spread.count - 1));
  return spread;
}

std::string text_of(const Spread& spread, int digits) {
  if (spread.count == 0) return "";
  const std::string mean = fmt::format("{:.{}f}", spread.mean, digits);
  return spread.count == 1 ? mean
                           : fmt::format("{}\u00A0±\u00A0{:.{}f}", mean, spread.deviation, digits);
}

}  // namespace peclr
