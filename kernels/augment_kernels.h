// SPDX-License-Identifier: Apache-2.0
// Launches the fused augmentation (kernels/augment.h) of a batch.
#pragma once
#include <cstdint>

#include "kernels/augment.h"
#include "kernels/bf16.h"
#include "kernels/stream.h"

namespace peclr::kernels {

// Pixels from a row of a source to the next. A warp reads a patch of a turned picture: with rows
// that begin in one of the cache's 32 banks it meets the same bank five times, at this distance
// twice (the mean over angles, for 0.6 to 1.9 pixels from sample to sample).
constexpr int source_pitch(int width) {
  constexpr int kBanks = 32, kApart = 7;
  return width + (kApart + kBanks - width % kBanks) % kBanks;
}

// One view to be made, in memory of the device. The source is u8 [height, pitch, 4] (RGBX), of
// which the plan's width is read; pitch * height below 2^31, its address a multiple of 4.
struct AugmentView {
  const std::uint8_t* source;
  std::int64_t row;
  std::int32_t pitch;
  AugmentPlan plan;
};

// out [rows, size, size, channels], of which the rows that `views` [count] name are written. Views
// of one picture belong side by side: the second finds the pixels in the cache.
struct AugmentBatch {
  const AugmentView* views;
  std::int64_t count;
  int size, channels;  // 3, 4 or 8; channels beyond 3 get zeros
};

// Throws std::invalid_argument for other channels. `out` is aligned to 16 bytes. Sums of samples
// are exact, so that levels which augment_pixel rounds from its float sums can be one off there.
void augment(const AugmentBatch& batch, float* out, Stream stream);
void augment(const AugmentBatch& batch, bf16* out, Stream stream);

}  // namespace peclr::kernels
