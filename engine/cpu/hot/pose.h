// SPDX-License-Identifier: Apache-2.0
// The hand network's way from 64 numbers to a hand and its losses, forward and backward
// (kernels/pose25d.h). AIT's joint order, palm as joint 0, depths in lengths of the bone between
// middle MCP and PIP. All outputs are overwritten.
#pragma once
#include <cstdint>

#include "kernels/host_device.h"
#include "kernels/vec.h"

namespace peclr {

inline constexpr int kHeadWidth =
    64;  // 21 x (u, v, z_rel), one number unused; also the refinement's input

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
  double total = 0;       // uv + 5 z_rel + root_depth
  double uv = 0;          // mean |u - u*|, |v - v*| over batch x 21 x 2, pixels
  double z_rel = 0;       // mean over batch x 21 (the palm, always right, counts)
  double root_depth = 0;  // mean over batch, bone lengths
};

}  // namespace peclr

PECLR_BEGIN

// raw [batch, 64]: element 3 j + (0, 1, 2) is joint j's u, v, z_rel. K [batch, 9]: camera of the
// network's input.
void pose_lift(const float* raw, const float* K, std::int64_t batch, const PoseLift& out);

// grad_raw [batch, 64]; zero for the palm's z_rel and the unused number.
void pose_lift_backward(const float* K, std::int64_t batch, const PoseLiftGradients& in,
                        float* grad_raw);

// xyz [batch, 21, 3] = (h, 1) * (z_rel + refined_root), in bone lengths.
void pose_recover(const PoseRays& in, std::int64_t batch, float* xyz);
void pose_recover_backward(const PoseRays& in, const float* grad_xyz, std::int64_t batch,
                           const PoseRaysGradients& out);

// Fine-tuning's loss and its gradient with respect to the prediction (0 where they agree exactly,
// as in PyTorch).
PoseLoss pose_loss(const PoseBatch& predicted, const PoseBatch& target, std::int64_t batch,
                   const PoseBatchGradients& out);

// mean |predicted - target| over n numbers, and its gradient [n].
double mean_absolute_loss(const float* predicted, const float* target, std::int64_t n,
                          float* gradient);

PECLR_END
