// SPDX-License-Identifier: Apache-2.0
// Ranges of values, where they lie in a drawing, and round numbers to mark them with.
#pragma once
#include <vector>

namespace peclr {

struct ChartRange {
  double low, high;
};

constexpr ChartRange kNoRange{1e300, -1e300};
void cover(ChartRange& range, double value);  // widens it to hold the value
ChartRange padded(ChartRange range);          // a little air on both sides; never of no width

// From values to units of the drawing.
struct Scale {
  ChartRange from, to;
  double operator()(double v) const {
    return to.low + (v - from.low) / (from.high - from.low) * (to.high - to.low);
  }
};

// Round numbers that cut the range into `wanted` parts or some more, inside of it.
std::vector<double> ticks_of(ChartRange range, int wanted);

}  // namespace peclr
