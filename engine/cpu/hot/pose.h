// SPDX-License-Identifier: Apache-2.0
// Loops over the hand network's head and its losses, forward and backward (kernels/pose.h). All
// outputs are overwritten.
#pragma once
#include <cstdint>

#include "kernels/pose.h"

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
