// SPDX-License-Identifier: Apache-2.0
// NT-Xent on the GPU (maths: kernels/ntxent.h). Similarities are made in tiles that never leave a
// multiprocessor, in both passes: memory is O(N D). Every sum has an order that only the size
// decides.
#pragma once
#include <cstddef>

#include "kernels/ntxent.h"
#include "kernels/stream.h"

namespace peclr::kernels {

inline constexpr int kNtxentMaxDim = 256;

// bf16: all that comes out is that of z rounded to bf16; and in the gradient the weights of the
// rows, too, are rounded to bf16 before they are summed in f32. That takes the tensor cores.
enum class NtxentOperands { f32, bf16 };

struct NtxentProblem {
  NtxentSpec spec;  // rows even, 2 to 2^24; dim at most kNtxentMaxDim
  NtxentOperands operands;
  // So many blocks fill the GPU (an H100 holds 264 of the gradient's). With fewer own rows than
  // that, parts of the columns go to different blocks, and their results are put together in order.
  // A setting and not the GPU's own number, so that all GPUs give the same bits.
  int blocks = 256;
};

// Bytes of scratch, aligned to 16, that each pass needs for itself.
std::size_t ntxent_workspace(const NtxentProblem& problem);
std::size_t ntxent_backward_workspace(const NtxentProblem& problem);

// What the forward pass leaves for the gradient, [rows] f32 each: lse in units of ln 2 (aligned to
// 8 bytes), and the loss of each anchor.
struct NtxentAnchors {
  float *lse, *loss;
};

// z [rows, dim] f32.
void ntxent(const NtxentProblem& problem, const float* z, const NtxentAnchors& anchors,
            NtxentSummary* summary, void* workspace, Stream stream);

// dz [rows, dim] f32, aligned to 16 bytes, = dloss [1] * dloss/dz; `anchors` as the forward pass
// left them for the same z. dz may be z.
void ntxent_backward(const NtxentProblem& problem, const float* z, const NtxentAnchors& anchors,
                     const float* dloss, void* workspace, float* dz, Stream stream);

}  // namespace peclr::kernels
