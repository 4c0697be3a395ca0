// SPDX-License-Identifier: Apache-2.0
// What is done to curves before they are drawn.
#pragma once
#include <span>
#include <vector>

#include "tools/report/runs.h"

namespace peclr {

// The mean over up to `width` points around each: as many on both sides at the start, where a
// one-sided mean would lag behind a falling loss; those that are left at the end.
std::vector<Point> smoothed(std::span<const Point> points, std::size_t width);

// At most `most` of the points, evenly chosen, the first and the last among them.
std::vector<Point> thinned(std::span<const Point> points, std::size_t most);

// The mean curve of curves over the same x; as long as the shortest.
std::vector<Point> mean_of(std::span<const std::vector<Point>> curves);

}  // namespace peclr
