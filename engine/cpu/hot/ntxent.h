// SPDX-License-Identifier: Apache-2.0
// NT-Xent over [2N, D] rows, streamed in tiles that stay in the cache: memory is O(N D), the N x N
// matrix never exists. Formulas: kernels/ntxent.h. Every sum has a fixed order, so the bits do not
// depend on the number of threads.
#pragma once
#include <cstdint>

#include "kernels/host_device.h"
#include "kernels/ntxent.h"

namespace peclr {

inline constexpr std::int64_t kNtxentMaxDim = 1024;

// What forward leaves for backward, [2N] each.
struct NtxentRows {
  float* lse = nullptr;   // log of the softmax's denominator
  float* loss = nullptr;  // of the anchor
};

// For the step's log. Similarities are cosines (not divided by the temperature) where rows are unit
// vectors.
struct NtxentSummary {
  double loss = 0;                 // mean over the 2N anchors
  double positive_similarity = 0;  // mean over positive pairs
  double negative_similarity = 0;  // mean over negative pairs; 0 where there are none
  double top1 = 0;                 // share of anchors whose positive is nearer than every negative
};

}  // namespace peclr

PECLR_BEGIN

// Floats of scratch that either pass needs; it must not be shared between calls that run at the
// same time.
std::int64_t ntxent_scratch_floats(const NtxentSpec& spec);

// z [2N, D]; 2N even and at least 2, D at most kNtxentMaxDim. Rows need not be unit vectors.
NtxentSummary ntxent_forward(const NtxentSpec& spec, const float* z, const NtxentRows& rows,
                             float* scratch);

// grad_z [2N, D] = grad_loss * dloss/dz; `rows` as forward left them for the same z. grad_z may be
// z.
void ntxent_backward(const NtxentSpec& spec, const float* z, const NtxentRows& rows,
                     float grad_loss, float* scratch, float* grad_z);

// How far unit vectors z [rows, dim] spread over the sphere: sqrt(D) * mean over dimensions of the
// standard deviation over rows. About 1 when they are spread evenly, 0 when they have collapsed
// onto one point.
double embedding_spread(const float* z, std::int64_t rows, std::int64_t dim);

PECLR_END
