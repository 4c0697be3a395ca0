// SPDX-License-Identifier: Apache-2.0
#include "data/skeleton.h"

#include <algorithm>
#include <cmath>

namespace peclr {
namespace {

struct Colour {
  float r, g, b;
};
constexpr Colour kWristColour{102, 102, 102};
constexpr Colour kFingerColours[5] = {
    {0, 0, 191}, {0, 128, 255}, {0, 102, 0}, {255, 255, 0}, {128, 0, 26}};

void blend(Image& image, int x, int y, Colour c, float alpha) {
  std::uint8_t* p = image.at(x, y);
  const float rgb[3] = {c.r, c.g, c.b};
  for (int k = 0; k < 3; ++k)
    p[k] = static_cast<std::uint8_t>(std::lround(p[k] + alpha * (rgb[k] - p[k])));
}

// A line with round ends: every pixel by its distance from the segment. A dot is a line from a
// point to itself.
void draw_line(Image& image, Vec2f a, Vec2f b, float radius, Colour c) {
  const auto from = [&](float lower, int size) {
    return std::clamp(static_cast<int>(std::floor(lower - radius - 1)), 0, size);
  };
  const auto to = [&](float upper, int size) {
    return std::clamp(static_cast<int>(std::ceil(upper + radius + 2)), 0, size);
  };
  if (!std::isfinite(a.x + a.y + b.x + b.y) ||
      std::max({std::abs(a.x), std::abs(a.y), std::abs(b.x), std::abs(b.y)}) > 1e6f)
    return;
  const float dx = b.x - a.x, dy = b.y - a.y, length = dx * dx + dy * dy;
  for (int y = from(std::min(a.y, b.y), image.height); y < to(std::max(a.y, b.y), image.height);
       ++y)
    for (int x = from(std::min(a.x, b.x), image.width); x < to(std::max(a.x, b.x), image.width);
         ++x) {
      const float px = static_cast<float>(x) - a.x, py = static_cast<float>(y) - a.y;
      const float t = length > 0 ? std::clamp((px * dx + py * dy) / length, 0.f, 1.f) : 0.f;
      const float coverage =
          std::clamp(radius + 0.5f - std::hypot(px - t * dx, py - t * dy), 0.f, 1.f);
      if (coverage > 0) blend(image, x, y, c, coverage);
    }
}

}  // namespace

void draw_skeleton(Image& image, std::span<const Vec2f> joints, float zoom) {
  const float thickness = static_cast<float>(std::min(image.width, image.height)) / 160.f;
  const auto place = [&](int j) {
    const Vec2f& p = joints[static_cast<std::size_t>(j)];
    return Vec2f{(p.x + 0.5f) * zoom - 0.5f, (p.y + 0.5f) * zoom - 0.5f};
  };
  for (int j = 1; j < kJoints; ++j)
    draw_line(image, place(freihand_parent(j)), place(j), thickness,
              kFingerColours[freihand_finger(j)]);
  for (int j = 0; j < kJoints; ++j)
    draw_line(image, place(j), place(j), 1.8f * thickness,
              j == kWrist ? kWristColour : kFingerColours[freihand_finger(j)]);
}

}  // namespace peclr
