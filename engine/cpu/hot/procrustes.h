// SPDX-License-Identifier: Apache-2.0
// Batched Procrustes alignment (kernels/procrustes.h), several poses at a time in the lanes of
// vector registers.
#pragma once
#include <cstdint>

#include "kernels/host_device.h"
#include "kernels/procrustes.h"

namespace peclr {

// Both sets [count, points, 3] in any one unit; computed in double inside.
struct ProcrustesInput {
  const float* source = nullptr;
  const float* target = nullptr;
  std::int64_t count = 0;
  int points = 0;
  Alignment rule = Alignment::proper;
};

// What is not wanted is null. aligned = scale * source @ rotation + translation, row vectors.
struct ProcrustesOutput {
  float* aligned = nullptr;      // [count, points, 3]
  float* rotation = nullptr;     // [count, 3, 3]
  float* scale = nullptr;        // [count]
  float* translation = nullptr;  // [count, 3]
  float* pa_epe = nullptr;       // [count], mean distance of aligned points from the target
};

}  // namespace peclr

PECLR_BEGIN

void procrustes(const ProcrustesInput& input, const ProcrustesOutput& output);

PECLR_END
