// SPDX-License-Identifier: Apache-2.0
// Which triangle of the skin each sample of the picture sees.
#pragma once
#include <cstdint>
#include <vector>

#include "data/synthetic/skin.h"

namespace peclr::synthetic {

inline constexpr int kSamples = 2;  // a pixel has kSamples x kSamples

// A vertex in the picture: sample coordinates and 1 / depth (which, unlike depth, is linear in the
// picture).
struct ScreenPoint {
  float x = 0, y = 0, nearness = 0;  // nearness 0: not to be drawn
};

// `side` of the picture in pixels.
std::vector<ScreenPoint> project_skin(const PosedSkin& skin, const View& view, int side);

struct Visibility {
  int side = 0;                        // samples
  std::vector<std::int32_t> triangle;  // [side * side], -1 = none
};

Visibility rasterize(const HandTemplate& hand, const std::vector<ScreenPoint>& points, int side);

// Weights of a triangle's corners at a sample; they sum to 1.
Vec3f barycentric(const ScreenPoint& a, const ScreenPoint& b, const ScreenPoint& c, float x,
                  float y);

}  // namespace peclr::synthetic
