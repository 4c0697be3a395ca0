// SPDX-License-Identifier: Apache-2.0
// Where the backgrounds of synthetic hands are painted.
#pragma once
#include <vector>

#include "data/synthetic/texture.h"

namespace peclr::synthetic {

// A thing before the background: a rounded box, a disc (a box that is all corner) or a bar.
struct Thing {
  float x, y, half_width, half_height, corner, cosine, sine;  // pixels
  float soft;                                                 // pixels over which the edge fades
  bool round_bar;                                             // shaded like a tube along its length
  bool casts_shadow;
  float shade_x, shade_y;
  Texture texture;

  void local(float px, float py, float& u, float& v) const {
    u = cosine * (px - x) + sine * (py - y);
    v = cosine * (py - y) - sine * (px - x);
  }
  float distance(float u, float v) const {
    const float a = std::abs(u) - half_width + corner, b = std::abs(v) - half_height + corner;
    const float oa = std::max(a, 0.0f), ob = std::max(b, 0.0f);
    return std::sqrt(oa * oa + ob * ob) + std::min(std::max(a, b), 0.0f) - corner;
  }
  Vec3f colour(float u, float v) const {
    const Vec3f base = texture.at(u, v);
    if (round_bar) {
      const float t = v / half_height;
      return base * (0.35f + 0.9f * std::max(0.0f, 1 - (t + 0.3f) * (t + 0.3f)));
    }
    return base * std::max(0.15f, 1 + shade_x * u / half_width + shade_y * v / half_height);
  }
};

// The part of the picture on the positive side of nx x + ny y = offset (pixels); it grows brighter
// or darker by `shade` over the picture.
struct Plane {
  Texture texture;
  float nx = 0, ny = 0, offset = 0, shade = 0;
};

class Canvas {
 public:
  explicit Canvas(int side);

  // The first plane fills the picture, the next ones lie on it.
  void paint_planes(const std::vector<Plane>& planes);

  void paint(const Thing& thing);

  // Box blur: what a lens out of focus does.
  void blur(int radius);

  std::vector<Vec3f> take() { return std::move(pixels_); }

 private:
  template <class F>
  void each(const Thing& thing, F&& apply);

  int side_;
  std::vector<Vec3f> pixels_;
};

}  // namespace peclr::synthetic
