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

PECLR_END
