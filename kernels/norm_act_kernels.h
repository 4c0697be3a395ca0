// SPDX-License-Identifier: Apache-2.0
// Batch normalisation with residual and activation on [rows, channels] values of type T (float or
// bf16), rows being all images and positions; per-channel numbers are f32 [channels]. Formulas in
// kernels/norm_act.h. Fast where channels are a multiple of a 16-byte pack and the values are
// 16-byte aligned, right everywhere. Each is one launch.
#pragma once
#include <cstddef>
#include <cstdint>

#include "kernels/bf16.h"
#include "kernels/column_scratch.h"
#include "kernels/stream.h"

namespace peclr::kernels {

struct NormExtent {
  std::int64_t rows;
  int channels;
};

// mean and inv_std of the batch, and the running statistics that follow them.
struct NormBatch {
  float *mean, *inv_std, *running_mean, *running_variance;
  float eps, momentum;
};
template <class T>
void norm_statistics(const NormExtent& extent, const T* x, const NormBatch& out,
                     const ColumnScratch& scratch, Stream stream);

// What the line of a channel is made of: by the batch's statistics, or by running ones.
struct NormChannels {
  const float *gamma, *beta, *mean, *inv_std;
};
struct NormRunning {
  const float *gamma, *beta, *mean, *variance;
  float eps;
};

// On which side of zero values lie: bit l of byte i for value l of pack i, set above zero. A pack
// is 16 bytes of values, or one value where channels are no multiple of that.
inline std::int64_t norm_sign_bytes(const NormExtent& extent, std::size_t value_bytes) {
  const auto pack = 16 / static_cast<std::int64_t>(value_bytes);
  return extent.rows * extent.channels / (extent.channels % pack == 0 ? pack : 1);
}

// What is added before the activation: nothing where x is null; x as it is where gamma is; else
// x on lines of its own.
template <class T, class Channels>
struct NormResidual {
  const T* x = nullptr;
  Channels channels = {};
};

// y = leaky(x * scale + shift + residual, slope); y may be x or the residual's. With a residual,
// signs [norm_sign_bytes] receives the signs of y; throws std::invalid_argument where channels are
// a multiple of a pack and a pointer is not.
template <class T>
void norm_apply(const NormExtent& extent, const NormChannels& channels, float slope, const T* x,
                const NormResidual<T, NormChannels>& residual, T* y, std::uint8_t* signs,
                Stream stream);
// The same by running statistics, without signs.
template <class T>
void norm_apply_running(const NormExtent& extent, const NormRunning& channels, float slope,
                        const T* x, const NormResidual<T, NormRunning>& residual, T* y,
                        Stream stream);

// The gradient that arrives is dy + more (more may be null). Behind the activation it is g, by the
// `signs` of y, or, where they are null, the side of zero of x * scale + shift: right without a
// residual. Where signs or more is given, the sums leave g in dy; pointers then as in norm_apply.
template <class T>
struct NormArriving {
  T* dy;
  const T* more;
  const std::uint8_t* signs;
  float slope;

  bool leaves_g() const { return more || signs; }
};

// A norm behind which gradients arrive: of its channels dgamma and dbeta, overwritten or added to,
// and two numbers that the sums leave for the next pass, coefficients [2, channels]; of its x, dx.
// The means are over `values` a channel, or, where that is 0, over all rows.
template <class T>
struct NormBranch {
  const T* x;
  NormChannels channels;
  float *dgamma, *dbeta, *coefficients;
  bool accumulate;
  T* dx;
  std::int64_t values = 0;
};
// `beside`, which may be null, is the residual's norm.
template <class T>
void norm_gradient_sums(const NormExtent& extent, const NormArriving<T>& in,
                        const NormBranch<T>& branch, const NormBranch<T>* beside,
                        const ColumnScratch& scratch, Stream stream);

// dx [rows, channels] of both from the same arguments, after the sums; either may be dy.
template <class T>
void norm_gradient_apply(const NormExtent& extent, const NormArriving<T>& in,
                         const NormBranch<T>& branch, const NormBranch<T>* beside, Stream stream);

}  // namespace peclr::kernels
