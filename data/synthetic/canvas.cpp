// SPDX-License-Identifier: Apache-2.0
#include "data/synthetic/canvas.h"

namespace peclr::synthetic {

Canvas::Canvas(int side) : side_(side), pixels_(static_cast<std::size_t>(side) * side) {}

// Calls apply(pixel, cover, u, v) where the thing is; u and v are its own coordinates.
template <class F>
void Canvas::each(const Thing& thing, F&& apply) {
  const float across = thing.half_width + thing.soft, along = thing.half_height + thing.soft;
  const float reach = std::abs(thing.sine) * across + std::abs(thing.cosine) * along;
  const auto pixel_of = [&](float v) {
    return static_cast<int>(std::clamp(v, 0.0f, static_cast<float>(side_)));
  };
  for (int y = pixel_of(thing.y - reach); y < pixel_of(thing.y + reach + 1); ++y) {
    // The part of the row between the thing's two pairs of parallel edges: a long thin pole covers
    // little of its box.
    const float dy = static_cast<float>(y) - thing.y;
    float from = -thing.x, to = static_cast<float>(side_) - thing.x;
    const auto narrow = [&](float slope, float start, float half) {  // |start + slope * dx| <= half
      if (std::abs(slope) < 1e-4f) return;
      const float a = (-half - start) / slope, b = (half - start) / slope;
      from = std::max(from, std::min(a, b));
      to = std::min(to, std::max(a, b));
    };
    narrow(thing.cosine, thing.sine * dy, across);
    narrow(-thing.sine, thing.cosine * dy, along);
    for (int x = pixel_of(thing.x + from); x < pixel_of(thing.x + to + 1); ++x) {
      float u, v;
      thing.local(static_cast<float>(x), static_cast<float>(y), u, v);
      const float cover = saturate(0.5f - thing.distance(u, v) / thing.soft);
      if (cover > 0) apply(pixels_[static_cast<std::size_t>(y) * side_ + x], cover, u, v);
    }
  }
}

void Canvas::paint_planes(const std::vector<Plane>& planes) {
  for (int y = 0; y < side_; ++y)
    for (int x = 0; x < side_; ++x) {
      const float fx = static_cast<float>(x), fy = static_cast<float>(y);
      Vec3f colour{0, 0, 0};
      float left =
          1;  // of the pixel; from the front to the back, so that what is hidden costs nothing
      for (std::size_t i = planes.size(); i-- > 0 && left > 0;) {
        const Plane& plane = planes[i];
        const float beyond = plane.nx * fx + plane.ny * fy - plane.offset;
        const float cover = i == 0 ? left : left * saturate(beyond + 0.5f);
        if (cover <= 0) continue;
        const float fade = std::max(0.2f, 1 + plane.shade * beyond / static_cast<float>(side_));
        colour = colour + plane.texture.at(fx, fy) * (fade * cover);
        left -= cover;
      }
      pixels_[static_cast<std::size_t>(y) * side_ + x] = colour;
    }
}

void Canvas::paint(const Thing& thing) {
  const float shift = 0.02f * static_cast<float>(side_);
  Thing shadow = thing;
  shadow.x += shift * 0.6f;
  shadow.y += shift;
  shadow.soft += shift;
  if (thing.casts_shadow)
    each(shadow,
         [](Vec3f& pixel, float cover, float, float) { pixel = pixel * (1 - 0.45f * cover); });
  each(thing, [&](Vec3f& pixel, float cover, float u, float v) {
    pixel = mix(pixel, thing.colour(u, v), cover);
  });
}

void Canvas::blur(int radius) {
  if (radius <= 0) return;
  std::vector<Vec3f> line(side_);
  const float weight = 1.0f / static_cast<float>(2 * radius + 1);
  for (int pass = 0; pass < 2; ++pass) {
    const int step = pass == 0 ? 1 : side_, next = pass == 0 ? side_ : 1;
    for (int row = 0; row < side_; ++row) {
      Vec3f* start = &pixels_[static_cast<std::size_t>(row) * next];
      for (int i = 0; i < side_; ++i) line[i] = start[static_cast<std::size_t>(i) * step];
      const auto at = [&](int i) { return line[std::clamp(i, 0, side_ - 1)]; };
      Vec3f sum{0, 0, 0};
      for (int i = -radius; i <= radius; ++i) sum = sum + at(i);
      for (int i = 0; i < side_; ++i) {
        start[static_cast<std::size_t>(i) * step] = sum * weight;
        sum = sum + at(i + radius + 1) - at(i - radius);
      }
    }
  }
}

}  // namespace peclr::synthetic
