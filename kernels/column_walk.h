// SPDX-License-Identifier: Apache-2.0
// The walk down a matrix [rows, channels] that does the same to every value, with numbers of its
// channel.
#pragma once
#include "kernels/column_shares.h"
#include "kernels/device.h"

namespace peclr::kernels {

// A thread keeps to its channels, so that it reads their numbers once.
struct ColumnWalk {
  static constexpr int kThreads = 256, kRows = kThreads / ColumnShares::kTile;
  // Of 132 multiprocessors, an H100's: whole rounds of two or three blocks each.
  static constexpr int kBlocks = 12 * 132;

  static ColumnShares shares(std::int64_t rows, int channels, int lanes, int unroll) {
    return column_shares(rows, channels, lanes, kRows * unroll, kBlocks);
  }

  // load(offset) for kUnroll rows, then finish(offset, loaded), from the last row to the first;
  // offsets in elements.
  template <int kLanes, int kUnroll, class Load, class Finish>
  PECLR_DEVICE static void run(const ColumnShares& p, int pack, Load load, Finish finish) {
    constexpr int kStep = kRows * kUnroll;
    const std::int64_t row_elements = static_cast<std::int64_t>(p.packs) * kLanes;
    for (std::int64_t back = static_cast<std::int64_t>(blockIdx.y) * kStep +
                             static_cast<int>(threadIdx.x) / ColumnShares::kTile;
         back < p.rows; back += static_cast<std::int64_t>(p.splits) * kStep) {
      const std::int64_t at = (p.rows - 1 - back) * row_elements + pack * kLanes;
      decltype(load(at)) loaded[kUnroll];
      // No branch between the loads: one that has no row loads its first again.
      PECLR_UNROLL
      for (int u = 0; u < kUnroll; ++u)
        loaded[u] = load(back + u * kRows < p.rows ? at - u * kRows * row_elements : at);
      PECLR_UNROLL
      for (int u = 0; u < kUnroll; ++u)
        if (back + u * kRows < p.rows) finish(at - u * kRows * row_elements, loaded[u]);
    }
  }

  PECLR_DEVICE static int pack() {
    constexpr int kTile = ColumnShares::kTile;
    return static_cast<int>(blockIdx.x) * kTile + static_cast<int>(threadIdx.x) % kTile;
  }
};

}  // namespace peclr::kernels
