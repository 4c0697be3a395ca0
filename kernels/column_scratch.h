// SPDX-License-Identifier: Apache-2.0
// What a kernel that reduces over the rows of a matrix [rows, channels] needs beside its data.
#pragma once
#include <algorithm>
#include <cstdint>

namespace peclr::kernels {

// `partials`, column_scratch_floats(channels) of any content, 16-byte aligned; `tickets`,
// column_tickets(channels) counters that are zero, and are zero again afterwards.
struct ColumnScratch {
  float* partials;
  unsigned* tickets;
};

// Packs of channels that a block takes: a 128-byte line of 16-byte packs.
inline constexpr int kColumnTile = 8;
// Two for each multiprocessor of an H100; at three they all run at once on an A100, too.
inline constexpr int kReduceBlocks = 264;

inline std::int64_t column_scratch_floats(int channels) {
  constexpr int kSums = 3, kLanes = 8;  // at most
  return kSums * kLanes * kColumnTile * std::max(kReduceBlocks, (channels + 31) / 32);
}
inline int column_tickets(int channels) { return (channels + 7) / 8; }

}  // namespace peclr::kernels
