// SPDX-License-Identifier: Apache-2.0
// The hand network's differentiable ops: kernels/pose25d.h on the tape.
#pragma once
#include "engine/backend.h"
#include "engine/tape.h"

namespace peclr::ops {

// raw [B, 64] and cameras [B, 9] -> 2.5D, rays and the refinement's input. The root depth of the
// quadratic is detached.
struct LiftedPose {
  Variable uv, z_rel, h, mlp_input;
  Tensor root_depth;
};
LiftedPose pose_lift(Tape& tape, const Variable& raw, const Tensor& cameras);

// root_depth [B] + residual [B, 1] -> [B]; the gradient goes to the residual.
Variable refine_root(Tape& tape, const Tensor& root_depth, const Variable& residual);

// (h, 1) * (z_rel + root) -> xyz [B, 21, 3], bone lengths.
Variable pose_recover(Tape& tape, const Variable& h, const Variable& z_rel, const Variable& root);

// L1(px) + 5 L1(z_rel) + L1(root depth); parts: a PoseLoss (kernels/pose.h).
struct PoseLossValue {
  Variable loss;
  Tensor parts;
};
struct PoseTargets {
  Tensor uv, z_rel, root_depth;
};
PoseLossValue pose_loss(Tape& tape, const Variable& uv, const Variable& z_rel, const Variable& root,
                        const PoseTargets& target);

// mean |x - target| -> [1]
Variable mean_absolute_loss(Tape& tape, const Variable& x, const Tensor& target);

}  // namespace peclr::ops
