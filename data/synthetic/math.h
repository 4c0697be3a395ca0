// SPDX-License-Identifier: Apache-2.0
// The little vector algebra the synthetic hands need. In a namespace of its own, so that no other
// part of the program gets operators it did not ask for.
#pragma once
#include <algorithm>
#include <cmath>

#include "kernels/random.h"
#include "kernels/vec.h"

namespace peclr::synthetic {

inline constexpr float kPi = 3.14159265358979f;
constexpr float radians(float degrees) { return degrees * (kPi / 180); }

inline Vec3f operator+(Vec3f a, Vec3f b) { return {a.x + b.x, a.y + b.y, a.z + b.z}; }
inline Vec3f operator-(Vec3f a, Vec3f b) { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
inline Vec3f operator*(Vec3f a, Vec3f b) { return {a.x * b.x, a.y * b.y, a.z * b.z}; }
inline Vec3f operator*(Vec3f a, float s) { return {a.x * s, a.y * s, a.z * s}; }
inline float dot(Vec3f a, Vec3f b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
inline Vec3f cross(Vec3f a, Vec3f b) {
  return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}
inline float length(Vec3f a) { return std::sqrt(dot(a, a)); }
inline Vec3f normalized(Vec3f a) { return a * (1 / std::max(length(a), 1e-12f)); }
inline float mix(float a, float b, float t) { return a + (b - a) * t; }
inline Vec3f mix(Vec3f a, Vec3f b, float t) { return a + (b - a) * t; }
inline float saturate(float x) { return std::clamp(x, 0.0f, 1.0f); }

// std::floor is a library call on baseline x86-64.
inline int floor_to_int(float x) {
  const int i = static_cast<int>(x);
  return i - (x < static_cast<float>(i));
}
inline float fraction(float x) { return x - static_cast<float>(floor_to_int(x)); }

// 0 below `low`, 1 above `high`, smooth between.
inline float smooth_step(float low, float high, float x) {
  const float t = saturate((x - low) / (high - low));
  return t * t * (3 - 2 * t);
}

// Unit quaternion.
struct Quat {
  float w = 1, x = 0, y = 0, z = 0;
};

inline Quat axis_angle(Vec3f axis, float angle) {
  const float s = std::sin(angle / 2);
  return {std::cos(angle / 2), axis.x * s, axis.y * s, axis.z * s};
}
// First b, then a.
inline Quat operator*(Quat a, Quat b) {
  return {
      a.w * b.w - a.x * b.x - a.y * b.y - a.z * b.z, a.w * b.x + a.x * b.w + a.y * b.z - a.z * b.y,
      a.w * b.y - a.x * b.z + a.y * b.w + a.z * b.x, a.w * b.z + a.x * b.y - a.y * b.x + a.z * b.w};
}
inline Vec3f rotate(Quat q, Vec3f p) {
  const Vec3f v{q.x, q.y, q.z};
  const Vec3f t = cross(v, p) * 2;
  return p + t * q.w + cross(v, t);
}
// The turn about q's axis by about the share s of its angle (exact at 0 and 1; q.w must not be
// negative).
inline Quat share_of(Quat q, float s) {
  const Quat r{1 + (q.w - 1) * s, q.x * s, q.y * s, q.z * s};
  const float n = 1 / std::sqrt(r.w * r.w + r.x * r.x + r.y * r.y + r.z * r.z);
  return {r.w * n, r.x * n, r.y * n, r.z * n};
}

// Here and elsewhere draws whose order matters stand in statements of their own: the order in which
// operands and arguments are evaluated is up to the compiler.

// Bell-shaped, mean 0, standard deviation 1, never beyond 3: a pose or a shape has no wild
// outliers.
inline float bell(Rng& rng) {
  float sum = -1.5f;
  for (int i = 0; i < 3; ++i) sum += rng.uniform();
  return 2 * sum;
}

// In [0, 1), small values more often than large ones.
inline float mostly_small(Rng& rng) {
  const float a = rng.uniform();
  return a * rng.uniform();
}

// Distance of p from the segment a-b; `t` in [0, 1] is where the nearest point lies.
inline float segment_distance(Vec3f p, Vec3f a, Vec3f b, float* t = nullptr) {
  const Vec3f ap = p - a, ab = b - a;
  const float share = saturate(dot(ap, ab) / std::max(dot(ab, ab), 1e-12f));
  if (t) *t = share;
  return length(ap - ab * share);
}

}  // namespace peclr::synthetic
