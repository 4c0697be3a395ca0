// SPDX-License-Identifier: Apache-2.0
// A convolution as a library is asked for it.
#pragma once
#include <compare>
#include <cstdint>
#include <string>

#include "engine/dtype.h"

namespace peclr::cuda {

enum class ConvPass { forward, backward_data, backward_weights };

// x [images, height, width, in], w [out, kernel, kernel, in], y [images, height', width', out], all
// of `type` (f32 or bf16), but for the gradient of the weights, which is f32.
struct ConvShape {
  std::int64_t images, height, width, in, out, kernel, stride, padding;
  DType type;

  std::int64_t out_height() const { return (height + 2 * padding - kernel) / stride + 1; }
  std::int64_t out_width() const { return (width + 2 * padding - kernel) / stride + 1; }
  auto operator<=>(const ConvShape&) const = default;
};

struct ConvOperands {
  void *x, *w, *y;  // one of them is the result
};

// Whether f32 products may be taken of numbers cut to 10 bits of mantissa (TF32).
enum class Tf32 { off, on };

// "forward bf16 64x128x128x8 to 64, window 7, stride 2, padding 3": for errors and the file of
// plans.
std::string text_of(ConvPass pass, const ConvShape& shape);

}  // namespace peclr::cuda
