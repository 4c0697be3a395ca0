// SPDX-License-Identifier: Apache-2.0
// A convolution's input as the rows of a matrix.
#pragma once
#include "engine/cpu/onednn.h"
#include "kernels/bf16.h"

namespace peclr {

// x, plain [images, height, width, in]: row p of `rows` [images * height' * width', in] becomes the
// position of x that output position p meets at (row, column) of the window, or zero where that is
// padding.
void gather_window_rows(const ConvShape& s, std::int64_t row, std::int64_t column, const bf16* x,
                        bf16* rows);

}  // namespace peclr
