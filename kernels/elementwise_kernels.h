// SPDX-License-Identifier: Apache-2.0
// One value from one value: sums, scales, casts, padding; and sums of columns. T is float or bf16.
// Fast on 16-byte aligned addresses, right everywhere. One launch each.
#pragma once
#include <cstdint>

#include "kernels/bf16.h"
#include "kernels/column_scratch.h"
#include "kernels/stream.h"

namespace peclr::kernels {

// into += x, rounded once.
template <class T>
void add_into(std::int64_t count, const T* x, T* into, Stream stream);

// x *= *factor, which is read on the device.
void scale(std::int64_t count, float* x, const float* factor, Stream stream);

// Rounded to nearest even.
template <class From, class To>
void cast(std::int64_t count, const From* from, To* to, Stream stream);

// from [pixels, 3] to [pixels, channels], channels 4 or 8, zeros in the new ones: what a first
// convolution reads.
template <class To>
void pad_channels(std::int64_t pixels, const float* from, int channels, To* to, Stream stream);

// sums [channels] = or += x [rows, channels] over rows: a bias's gradient. In a fixed order.
void column_sums(std::int64_t rows, int channels, const float* x, bool accumulate, float* sums,
                 const ColumnScratch& scratch, Stream stream);

}  // namespace peclr::kernels
