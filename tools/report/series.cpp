// SPDX-License-Identifier: Apache-2.0
#include "tools/report/series.h"

#include <algorithm>

namespace peclr {

std::vector<Point> smoothed(std::span<const Point> points, std::size_t width) {
  std::vector<Point> out;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const std::size_t reach = std::min(width / 2, i);
    const std::size_t first = i - reach, last = std::min(i + reach, points.size() - 1);
    double sum = 0;
    for (std::size_t k = first; k <= last; ++k) sum += points[k].y;
    out.push_back({points[i].x, sum / static_cast<double>(last - first + 1)});
  }
  return out;
}

std::vector<Point> thinned(std::span<const Point> points, std::size_t most) {
  if (points.size() <= most || most < 2) return {points.begin(), points.end()};
  std::vector<Point> out;
  for (std::size_t i = 0; i < most; ++i)
    out.push_back(points[i * (points.size() - 1) / (most - 1)]);
  return out;
}

std::vector<Point> mean_of(std::span<const std::vector<Point>> curves) {
  std::vector<Point> out;
  if (curves.empty()) return out;
  std::size_t size = curves[0].size();
  for (const auto& curve : curves) size = std::min(size, curve.size());
  for (std::size_t i = 0; i < size; ++i) {
    double sum = 0;
    for (const auto& curve : curves) sum += curve[i].y;
    out.push_back({curves[0][i].x, sum / static_cast<double>(curves.size())});
  }
  return out;
}

}  // namespace peclr
