// SPDX-License-Identifier: Apache-2.0
// The 2.5D hand (Iqbal et al. 2018): pixels and depth relative to a root joint, in lengths of a
// reference bone. Depth comes back from the bone's known length, up to that length. In double: the
// quadratic loses half its digits.
#pragma once
#include <cmath>

#include "kernels/host_device.h"
#include "kernels/joints.h"
#include "kernels/vec.h"

namespace peclr {

// Depths are relative to joint `root`; the bone between joints `from` and `to` is the unit of
// length.
struct ReferenceBone {
  int root, from, to;
};
// The hand network's, in AIT's order.
inline constexpr ReferenceBone kPalmNetwork{kAitPalm, kAitMiddleMcp, kAitMiddlePip};

// Bone lengths; the hand network's root depth is kept in between.
inline constexpr double kMinRootDepth = 4, kMaxRootDepth = 50;

// The released networks' floors under the discriminant and under a of the root depth's quadratic
// (their pre-training's utility, which no network is trained by, has 1e-6).
inline constexpr double kRootFloor = 1e-8;

// What the hand network is to say of one hand: AIT's order, palm as joint 0, FreiHAND's bone 9-10
// as the unit.
struct PoseTarget {
  Vec2f uv[kJoints];     // pixels of the network's input
  float z_rel[kJoints];  // (Z - Z_palm) / scale
  float root_depth;      // Z_palm / scale
};

}  // namespace peclr

PECLR_BEGIN

// A pixel (u, v), or the point (x, y, 1) on its ray.
struct Point2 {
  double x, y;
};

// K is [3, 3] row-major with (0, 0, 1) as last row. It may turn and shear: K' = T K after an
// augmentation does. Calculates in what the point is made of.
template <class Point = Point2>
PECLR_HD inline Point project_point(const float* K, decltype(Point::x) x, decltype(Point::x) y,
                                    decltype(Point::x) z) {
  return {(K[0] * x + K[1] * y) / z + K[2], (K[3] * x + K[4] * y) / z + K[5]};
}

// K^-1 (u, v, 1), whose third element is 1.
PECLR_HD inline Point2 back_project(const float* K, Point2 pixel) {
  const double a = K[0], b = K[1], c = K[3], d = K[4];
  const double determinant = a * d - b * c;
  const double u = pixel.x - K[2], v = pixel.y - K[5];
  return {(d * u - b * v) / determinant, (a * v - c * u) / determinant};
}

// Gradient of the pixel from the gradient of its ray.
PECLR_HD inline Point2 back_project_gradient(const float* K, Point2 ray_gradient) {
  const double a = K[0], b = K[1], c = K[3], d = K[4];
  const double determinant = a * d - b * c;
  return {(d * ray_gradient.x - c * ray_gradient.y) / determinant,
          (a * ray_gradient.y - b * ray_gradient.x) / determinant};
}

// Root depth Z, in bone lengths, at which the bone between p * (zp + Z) and q * (zq + Z) has length
// 1: the larger root of a Z^2 + b Z + c.
PECLR_HD inline double root_depth_of_bone(Point2 p, double zp, Point2 q, double zq) {
  const double pq = p.x * q.x + p.y * q.y;
  const double a = (p.x - q.x) * (p.x - q.x) + (p.y - q.y) * (p.y - q.y);
  const double b = 2 * (zp * (p.x * p.x + p.y * p.y - pq) + zq * (q.x * q.x + q.y * q.y - pq));
  const double dx = p.x * zp - q.x * zq, dy = p.y * zp - q.y * zq, dz = zp - zq;
  const double c = dx * dx + dy * dy + dz * dz - 1;
  const double discriminant = b * b - 4 * a * c;
  // Written so that a NaN passes.
  return (-b + std::sqrt(discriminant < kRootFloor ? kRootFloor : discriminant)) /
         (2 * (a < kRootFloor ? kRootFloor : a));
}

PECLR_HD inline double clamp_root_depth(double depth) {
  return depth < kMinRootDepth ? kMinRootDepth : depth > kMaxRootDepth ? kMaxRootDepth : depth;
}

// xyz [21] in FreiHAND's order and metres, scale = length of its bone 9-10, K of the network's
// input.
PECLR_HD inline PoseTarget pose_target(const Vec3f* xyz, float scale, const Mat3f& K) {
  const Vec3f wrist = xyz[kWrist], knuckle = xyz[kMiddleMcp];
  const double palm[3] = {0.5 * (double(wrist.x) + knuckle.x), 0.5 * (double(wrist.y) + knuckle.y),
                          0.5 * (double(wrist.z) + knuckle.z)};
  PoseTarget target;
  for (int j = 0; j < kJoints; ++j) {
    const Vec3f& joint = xyz[freihand_from_ait(j)];
    const double x = j == kAitPalm ? palm[0] : joint.x;
    const double y = j == kAitPalm ? palm[1] : joint.y;
    const double z = j == kAitPalm ? palm[2] : joint.z;
    const Point2 pixel = project_point(K.m, x, y, z);
    target.uv[j] = {static_cast<float>(pixel.x), static_cast<float>(pixel.y)};
    target.z_rel[j] = static_cast<float>((z - palm[2]) / scale);
  }
  target.root_depth = static_cast<float>(palm[2] / scale);
  return target;
}

// Inverse for the network's answer: xyz [21, 3], AIT's order with the palm, bone lengths -> joints
// [21], FreiHAND's order with the wrist, in the unit of `scale`.
PECLR_HD inline void freihand_from_network(const float* xyz, float scale, Vec3f* joints) {
  for (int j = 0; j < kJoints; ++j) {
    const float* p = xyz + 3 * j;
    joints[freihand_from_ait(j)] = {p[0] * scale, p[1] * scale, p[2] * scale};
  }
  const Vec3f palm = joints[kWrist], knuckle = joints[kMiddleMcp];
  joints[kWrist] = {2 * palm.x - knuckle.x, 2 * palm.y - knuckle.y, 2 * palm.z - knuckle.z};
}

PECLR_END
