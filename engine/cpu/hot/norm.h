// SPDX-License-Identifier: Apache-2.0
// Loops of batch normalisation with residual and activation. Channels are handled in groups of
// lanes that lie side by side; a reduction keeps one partial sum a fixed chunk of images, so its
// bits do not depend on the number of threads.
#pragma once
#include <cstdint>

#include "kernels/bf16.h"
#include "kernels/host_device.h"

namespace peclr {

// Element (n, position, c) of an activation lies at ((n * C / block + c / block) * positions +
// position) * block + c % block. Loops work on the channels [begin, end), whole blocks of them.
struct NormExtent {
  std::int64_t images, positions, channels, block;
  std::int64_t begin = 0, end = channels;
};

// Values on lines, x * scale + shift by channel; as they are where scale is null.
template <class T>
struct NormOn {
  const T* x = nullptr;
  const float *scale = nullptr, *shift = nullptr;
};

// What both passes of the gradient read: g = (dy + more) * act'(y), more may be null. The sign of y
// is that of x * scale + shift, or, where a residual was added (and for no other norm), y is read.
// With keep, the first pass leaves g in dy, for the residual and for the second pass; more and y
// come with it alone.
template <class T>
struct NormReduce {
  T* dy;
  const T *more, *y, *x;
  const float *mean, *inv_std, *scale, *shift;
  float slope;
  bool keep;
};

}  // namespace peclr

PECLR_BEGIN

// Reductions work on chunks of whole images with at least kNormChunkRows positions, and keep two
// sums a channel and chunk.
inline constexpr std::int64_t kNormChunkRows = 2048;
constexpr std::int64_t norm_chunk_images(const NormExtent& e) {
  return (kNormChunkRows + e.positions - 1) / e.positions;
}
constexpr std::int64_t norm_scratch_doubles(const NormExtent& e) {
  return 2 * e.channels * ((e.images + norm_chunk_images(e) - 1) / norm_chunk_images(e));
}

// Over images and positions, sums [C] of x - shift and squares [C] of its squares. shift [C]
// receives the channel's first value: the mean's own square, of which a variance far from zero
// would be a small difference, stays out of the sums.
template <class T>
void norm_sums(const NormExtent& extent, const T* x, float* shift, double* sums, double* squares,
               double* scratch);

// y = act(in + residual); the residual's x may be null. slope: of the activation below zero.
template <class T>
void norm_apply(const NormExtent& extent, const NormOn<T>& in, const NormOn<T>& residual,
                float slope, T* y);

// Sums of g and of g * (x - mean) * inv_std over images and positions, [C] each; writes g over dy
// where keep is set.
template <class T>
void norm_backward_reduce(const NormExtent& extent, const NormReduce<T>& in, double* sum_g,
                          double* sum_gx, double* scratch);

// dx = a * g + b * x + c, per channel, with g read from dy (kept) or formed again.
template <class T>
void norm_backward_apply(const NormExtent& extent, const NormReduce<T>& in, const float* a,
                         const float* b, const float* c, T* dx);

PECLR_END
