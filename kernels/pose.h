// SPDX-License-Identifier: Apache-2.0
// The hand network's way from 64 numbers to a hand and its losses, a joint at a time, forward and
// backward. AIT's joint order, palm as joint 0, depths in lengths of the bone between middle MCP
// and PIP.
#pragma once
#include <cstdint>

#include "kernels/host_device.h"
#include "kernels/pose25d.h"
#include "kernels/vec.h"

namespace peclr {

// 21 x (u, v, z_rel), one number unused; also the refinement's input.
inline constexpr int kHeadWidth = 64;
inline constexpr int kRays = 2 * kJoints;  // numbers of a hand's pixels or rays

struct PoseLift {
  float* uv;          // [batch, 21, 2] pixels
  float* z_rel;       // [batch, 21]; 0 for the palm
  float* h;           // [batch, 21, 2]: K^-1 (u, v, 1) without its 1
  float* root_depth;  // [batch], by the quadratic, clamped to 4..50
  float* mlp_input;   // [batch, 64]: 21 z_rel, 42 h as x0, y0, x1, ..., root depth
};

// Gradients of what pose_lift gave; null where nothing flows. The root depth is detached: the last
// column of mlp_input is not read.
struct PoseLiftGradients {
  const float* uv = nullptr;
  const float* z_rel = nullptr;
  const float* h = nullptr;
  const float* mlp_input = nullptr;
};

struct PoseRays {
  const float* h;             // [batch, 21, 2]
  const float* z_rel;         // [batch, 21]
  const float* refined_root;  // [batch]
};

struct PoseRaysGradients {
  float* h;             // [batch, 21, 2]
  float* z_rel;         // [batch, 21]
  float* refined_root;  // [batch]
};

// A prediction or its target; root_depth [batch] is the refined one.
struct PoseBatch {
  const float* uv;          // [batch, 21, 2] pixels
  const float* z_rel;       // [batch, 21]
  const float* root_depth;  // [batch]
};

struct PoseBatchGradients {
  float *uv, *z_rel, *root_depth;
};

inline constexpr double kRelativeDepthWeight = 5;

struct PoseLoss {
  float total;       // uv + 5 z_rel + root_depth
  float uv;          // mean |u - u*|, |v - v*| over batch x 21 x 2, pixels
  float z_rel;       // mean over batch x 21 (the palm, always right, counts)
  float root_depth;  // mean over batch, bone lengths
};
inline constexpr int kPoseLoss = sizeof(PoseLoss) / sizeof(float);

}  // namespace peclr

PECLR_BEGIN

struct LiftedJoint {
  float u, v, z_rel;
  Vec2f ray;
};

// Of one hand: raw [64], K [9].
PECLR_HD inline LiftedJoint lift_joint(const float* raw, const float* K, int joint) {
  const float u = raw[3 * joint], v = raw[3 * joint + 1];
  const Point2 ray = back_project(K, {u, v});
  return {u,
          v,
          joint == kPalmNetwork.root ? 0.0f : raw[3 * joint + 2],
          {static_cast<float>(ray.x), static_cast<float>(ray.y)}};
}

// The root depth that follows from the reference bone, within what a hand's can be.
PECLR_HD inline float lift_root_depth(const float* raw, const float* K) {
  constexpr int from = kPalmNetwork.from, to = kPalmNetwork.to;
  static_assert(from != kPalmNetwork.root && to != kPalmNetwork.root);
  const Point2 p = back_project(K, {raw[3 * from], raw[3 * from + 1]});
  const Point2 q = back_project(K, {raw[3 * to], raw[3 * to + 1]});
  return static_cast<float>(
      clamp_root_depth(root_depth_of_bone(p, raw[3 * from + 2], q, raw[3 * to + 2])));
}

// Of what the head said of joint `joint` of hand n: u, v, z_rel.
PECLR_HD inline Vec3f lift_gradient(const float* K, const PoseLiftGradients& in, std::int64_t n,
                                    int joint) {
  const std::int64_t at = kJoints * n + joint;
  const float* mlp = in.mlp_input ? in.mlp_input + kHeadWidth * n : nullptr;
  Point2 ray{0, 0};
  if (in.h) ray = {in.h[2 * at], in.h[2 * at + 1]};
  if (mlp) {
    ray.x += mlp[kJoints + 2 * joint];
    ray.y += mlp[kJoints + 2 * joint + 1];
  }
  Point2 pixel = back_project_gradient(K, ray);
  if (in.uv) {
    pixel.x += in.uv[2 * at];
    pixel.y += in.uv[2 * at + 1];
  }
  const float z = (in.z_rel ? in.z_rel[at] : 0.0f) + (mlp ? mlp[joint] : 0.0f);
  return {static_cast<float>(pixel.x), static_cast<float>(pixel.y),
          joint == kPalmNetwork.root ? 0.0f : z};
}

// Joint `at` of all, whose hand has the given root depth.
PECLR_HD inline Vec3f recover_joint(const PoseRays& in, float root, std::int64_t at) {
  const float depth = in.z_rel[at] + root;
  return {in.h[2 * at] * depth, in.h[2 * at + 1] * depth, depth};
}

struct RecoverGradient {
  Vec2f h;
  float depth;  // of z_rel, and the joint's share of the root depth's
};

PECLR_HD inline RecoverGradient recover_gradient(const PoseRays& in, float root, const float* dxyz,
                                                 std::int64_t at) {
  const float *g = dxyz + 3 * at, *h = in.h + 2 * at;
  const float depth = in.z_rel[at] + root;
  return {{g[0] * depth, g[1] * depth}, g[0] * h[0] + g[1] * h[1] + g[2]};
}

// step * the sign of d; a NaN stays one.
PECLR_HD inline float absolute_gradient(float d, float step) {
  return d > 0 ? step : d < 0 ? -step : d * 0;
}

PECLR_END
