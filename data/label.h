// SPDX-License-Identifier: Apache-2.0
// What is known of the hand in a picture.
#pragma once
#include <algorithm>
#include <array>
#include <cmath>

#include "kernels/joints.h"
#include "kernels/pose25d.h"
#include "kernels/vec.h"

namespace peclr {

enum class Side { right, left };

// FreiHAND's conventions: joints in FreiHAND's order (0 wrist; 1-4 thumb, 5-8 index, 9-12 middle,
// 13-16 ring, 17-20 little, base to tip), metres, camera x right, y down, z forward; K in pixels of
// the picture.
struct HandLabel {
  Mat3f K;
  std::array<Vec3f, kJoints> xyz;
  float scale = 0;  // metres, length of the bone between joints 9 and 10
};

// Pixel (u, v) of a point in camera space.
inline Vec2f project(const Mat3f& K, const Vec3f& p) {
  return project_point<Vec2f>(K.m, p.x, p.y, p.z);
}

inline std::array<Vec2f, kJoints> project(const Mat3f& K, const std::array<Vec3f, kJoints>& xyz) {
  std::array<Vec2f, kJoints> pixels;
  for (std::size_t j = 0; j < kJoints; ++j) pixels[j] = project(K, xyz[j]);
  return pixels;
}

// The length of the bone between joints 9 and 10, which labels' scales are.
inline float measured_scale(const std::array<Vec3f, kJoints>& xyz) {
  const Vec3f a = xyz[kMiddleMcp], b = xyz[kMiddlePip];
  return std::hypot(a.x - b.x, a.y - b.y, a.z - b.z);
}

// Whether K is [[fx, s, cx], [0, fy, cy], [0, 0, 1]] with focal lengths above 0.
inline bool is_camera(const Mat3f& K) {
  return K.m[0] > 0 && K.m[4] > 0 && K.m[3] == 0 && K.m[6] == 0 && K.m[7] == 0 && K.m[8] == 1;
}

// Labels of sets that know pixels alone have the identity as K and (u, v, 1) as joints: project
// gives the pixels, and there is nothing else in them.
inline bool knows_pixels_only(const HandLabel& label) {
  const Mat3f identity;
  return std::equal(label.K.m, label.K.m + 9, identity.m);
}

}  // namespace peclr
