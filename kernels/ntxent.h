// SPDX-License-Identifier: Apache-2.0
// NT-Xent, the contrastive loss of SimCLR (Chen et al. 2020, eq. 1) and PeCLR: scalar maths that
// every device shares.
//
//   s_ij  = z_i . z_j / temperature
//   p(i)  = the other view of i's picture
//   lse_i = log sum_{j != i} exp(s_ij)
//   loss  = mean_i (lse_i - s_ip(i))
//
// The positive is kept apart from the negatives until the end. With
//
//   x_i = log sum_{j negative} exp(s_ij) - s_ip(i)
//
// the loss of an anchor is softplus(x_i), which keeps its relative accuracy where the loss nearly
// vanishes. The gradient, with P_ij = exp(s_ij - lse_i), is
//
//   pull_i     = 1 - P_ip(i)
//   push_i     = sum_{j negative} (P_ij + P_ji) z_j
//   dloss/dz_i = (push_i - (pull_i + pull_p(i)) z_p(i)) / (2N temperature)
#pragma once
#include <cmath>
#include <cstdint>

#include "kernels/exp.h"
#include "kernels/host_device.h"

namespace peclr {

struct NtxentSpec {
  std::int64_t rows = 0;    // 2N: view 1 of all pictures, then view 2
  std::int64_t dim = 0;     // D
  float temperature = .5f;  // > 0
};

// What the forward pass says of a batch. Similarities are cosines (not divided by the temperature)
// where rows are unit vectors.
struct NtxentSummary {
  float loss;      // mean over the 2N anchors
  float positive;  // mean similarity over positive pairs
  float negative;  // over negative pairs; 0 where there are none
  float top1;      // share of anchors whose positive is nearer than every negative
  // How far unit vectors spread over the sphere: sqrt(D) * mean over dimensions of the standard
  // deviation over rows. About 1 when they are spread evenly, 0 when they have collapsed onto one
  // point.
  float spread;
};
inline constexpr int kNtxentSummary = sizeof(NtxentSummary) / sizeof(float);

// The similarity of what must not count (an anchor with itself, padding). Finite, so that folding
// nothing but such values gives no NaN; and so far below kLeast, where maxima start, that e^(it -
// any maximum) is 0, scaled by a temperature or not.
inline constexpr float kMasked = -1e30f, kLeast = -1e20f;

}  // namespace peclr

PECLR_BEGIN

PECLR_HD inline std::int64_t positive_of(std::int64_t row, std::int64_t rows) {
  return row < rows / 2 ? row + rows / 2 : row - rows / 2;
}

// log sum exp of some values as max + log(sum): a monoid, so tiles can be folded one after another.
struct LogSumExp {
  float max = kLeast, sum = 0;
};

PECLR_HD inline LogSumExp merge(LogSumExp a, LogSumExp b) {
  const float max = b.max > a.max ? b.max : a.max;
  return {max, a.sum * exp_f32(a.max - max) + b.sum * exp_f32(b.max - max)};
}

// What the gradient needs of an anchor.
struct AnchorLoss {
  float lse, loss;
};

PECLR_HD inline AnchorLoss anchor_loss(LogSumExp negatives, float positive) {
  const float x = (negatives.max - positive) + std::log(negatives.sum);
  const float loss = (x < 0.f ? 0.f : x) + std::log1p(std::exp(-std::fabs(x)));
  return {positive + loss, loss};
}

// The same with binary logarithms, for the GPU, whose exponential has base 2: similarities, the
// logarithms of sums and what AnchorLoss calls lse are in units of ln 2, losses never.
inline constexpr float kLog2e = 1.44269504f, kLn2 = .693147181f;

PECLR_HD inline LogSumExp merge_base2(LogSumExp a, LogSumExp b) {
  const float max = b.max > a.max ? b.max : a.max;
  return {max, a.sum * exp2_fast(a.max - max) + b.sum * exp2_fast(b.max - max)};
}

PECLR_HD inline AnchorLoss anchor_loss_base2(LogSumExp negatives, float positive) {
  const float loss = anchor_loss({(negatives.max - positive) * kLn2, negatives.sum}, 0.f).loss;
  return {positive + loss * kLog2e, loss};
}

// How strongly an anchor still pulls its positive: 1 - P_ip(i).
PECLR_HD inline float pull(float anchor_loss) { return -std::expm1(-anchor_loss); }

// How strongly the rows of a negative pair push each other: P_ij + P_ji.
PECLR_HD inline float push(float similarity, float lse_i, float lse_j) {
  return exp_f32(similarity - lse_i) + exp_f32(similarity - lse_j);
}

// The similarity is dot * scale.
PECLR_HD inline float push_base2(float dot, float scale, float lse_i, float lse_j) {
  return exp2_fast(std::fma(dot, scale, -lse_i)) + exp2_fast(std::fma(dot, scale, -lse_j));
}

PECLR_END
