// SPDX-License-Identifier: Apache-2.0
// Launches the hand network's head and its losses (kernels/pose.h; shapes are given there). All
// outputs are overwritten, all arrays are f32 and contiguous.
#pragma once
#include <cstdint>

#include "kernels/pose.h"
#include "kernels/stream.h"

namespace peclr::kernels {

// raw [batch, 64], K [batch, 9].
void pose_lift(const float* raw, const float* K, std::int64_t batch, const PoseLift& out,
               Stream stream);
void pose_lift_backward(const float* K, std::int64_t batch, const PoseLiftGradients& in,
                        float* draw, Stream stream);

// xyz [batch, 21, 3].
void pose_recover(const PoseRays& in, std::int64_t batch, float* xyz, Stream stream);
void pose_recover_backward(const PoseRays& in, const float* dxyz, std::int64_t batch,
                           const PoseRaysGradients& out, Stream stream);

// What a loss needs beside its data: partials [kLossBlocks] of any content, and `finished` [1],
// zero before and after (kernels/last_block.h).
inline constexpr int kMostLosses = 3, kLossBlocks = 256;
struct LossSums {
  double of[kMostLosses];
};
struct LossScratch {
  LossSums* partials;
  unsigned* finished;
};

// Sums are doubles in an order that only the batch decides.
void pose_loss(const PoseBatch& predicted, const PoseBatch& target, std::int64_t batch,
               const PoseBatchGradients& gradients, PoseLoss* loss, const LossScratch& scratch,
               Stream stream);

// loss [1] = mean |predicted - target| over n numbers; gradient [n].
void mean_absolute_loss(const float* predicted, const float* target, std::int64_t n,
                        float* gradient, float* loss, const LossScratch& scratch, Stream stream);

}  // namespace peclr::kernels
