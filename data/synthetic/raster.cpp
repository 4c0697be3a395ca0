// SPDX-License-Identifier: Apache-2.0
#include "data/synthetic/raster.h"

namespace peclr::synthetic {
namespace {

constexpr float kNearest = 0.05f;  // metres
// Vertices further outside the picture than this share of its side are not drawn, nor lit.
constexpr float kBeyond = 0.15f;

float doubled_area(const ScreenPoint& a, const ScreenPoint& b, const ScreenPoint& c) {
  return (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
}

}  // namespace

std::vector<ScreenPoint> project_skin(const PosedSkin& skin, const View& view, int side) {
  const float outside = -kBeyond * static_cast<float>(side),
              beyond = static_cast<float>(side) - outside;
  std::vector<ScreenPoint> points(skin.position.size());
  for (std::size_t i = 0; i < points.size(); ++i) {
    const Vec3f& p = skin.position[i];
    if (p.z < kNearest) continue;
    const Vec2f uv = project(view.K, p);
    if (uv.x < outside || uv.x > beyond || uv.y < outside || uv.y > beyond) continue;
    // Pixel (u, v) has its centre at (u, v): its samples lie a quarter of a pixel around it.
    points[i] = {(uv.x + 0.5f) * kSamples - 0.5f, (uv.y + 0.5f) * kSamples - 0.5f, 1 / p.z};
  }
  return points;
}

Visibility rasterize(const HandTemplate& hand, const std::vector<ScreenPoint>& points, int side) {
  const std::size_t area = static_cast<std::size_t>(side) * side;
  Visibility seen{side, std::vector<std::int32_t>(area, -1)};
  std::vector<float> nearest(area, 0.0f);
  for (std::size_t t = 0; t < hand.triangles.size(); ++t) {
    const auto& corner = hand.triangles[t].corner;
    const ScreenPoint &a = points[corner[0]], &b = points[corner[1]], &c = points[corner[2]];
    const float twice = doubled_area(a, b, c);
    // y points down in the picture: counter-clockwise from outside comes out clockwise, which is
    // negative here.
    if (twice >= 0 || a.nearness <= 0 || b.nearness <= 0 || c.nearness <= 0) continue;
    const int left = std::max(0, floor_to_int(std::min({a.x, b.x, c.x})) + 1);
    const int right = std::min(side - 1, floor_to_int(std::max({a.x, b.x, c.x})));
    const int top = std::max(0, floor_to_int(std::min({a.y, b.y, c.y})) + 1);
    const int bottom = std::min(side - 1, floor_to_int(std::max({a.y, b.y, c.y})));
    if (left > right || top > bottom) continue;
    const float inverse = 1 / twice;
    const float wa_x = (b.y - c.y) * inverse, wa_y = (c.x - b.x) * inverse;
    const float wb_x = (c.y - a.y) * inverse, wb_y = (a.x - c.x) * inverse;
    for (int y = top; y <= bottom; ++y) {
      const std::size_t row = static_cast<std::size_t>(y) * side;
      const float dy = static_cast<float>(y) - c.y;
      for (int x = left; x <= right; ++x) {
        const float dx = static_cast<float>(x) - c.x;
        const float wa = wa_x * dx + wa_y * dy, wb = wb_x * dx + wb_y * dy, wc = 1 - wa - wb;
        if (wa < 0 || wb < 0 || wc < 0) continue;
        const float near = wa * a.nearness + wb * b.nearness + wc * c.nearness;
        const std::size_t at = row + x;
        if (near <= nearest[at]) continue;
        nearest[at] = near;
        seen.triangle[at] = static_cast<std::int32_t>(t);
      }
    }
  }
  return seen;
}

Vec3f barycentric(const ScreenPoint& a, const ScreenPoint& b, const ScreenPoint& c, float x,
                  float y) {
  const float inverse = 1 / doubled_area(a, b, c);
  const float wa = ((b.y - c.y) * (x - c.x) + (c.x - b.x) * (y - c.y)) * inverse;
  const float wb = ((c.y - a.y) * (x - c.x) + (a.x - c.x) * (y - c.y)) * inverse;
  return {wa, wb, 1 - wa - wb};
}

}  // namespace peclr::synthetic
