// SPDX-License-Identifier: Apache-2.0
// The fused augmentation on the CPU (maths: kernels/augment.h). Compiled once an instruction set.
#pragma once
#include <cstdint>

#include "kernels/augment.h"

namespace peclr {

struct AugmentJob {
  const std::uint8_t* source = nullptr;  // [height, width, 4], at least 2 x 2 pixels
  int width = 0, height = 0;
  AugmentParams params;
  float* out = nullptr;  // [size, size, 3]
};

}  // namespace peclr

PECLR_BEGIN

// Computes `count` views of size x size pixels, equal to augment_pixel to the bit.
void augment(const AugmentJob* jobs, std::int64_t count, int size);

PECLR_END
