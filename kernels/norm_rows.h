// SPDX-License-Identifier: Apache-2.0
// What the kernels of kernels/norm_act*.cu share: the walk over rows of the passes that apply, and
// the lines of a thread's channels.
#pragma once
#include "kernels/column_shares.h"
#include "kernels/lanes.h"
#include "kernels/launch.h"
#include "kernels/norm_act.h"
#include "kernels/norm_act_kernels.h"

namespace peclr::kernels {

// Rows and their share of a block in the passes that only apply.
struct NormWalk {
  static constexpr int kThreads = 256, kRows = kThreads / ColumnShares::kTile;
  static constexpr int kBlocks = 1056;  // eight for each multiprocessor of an H100

  static ColumnShares shares(const NormExtent& e, int lanes, int unroll) {
    return column_shares(e.rows, e.channels, lanes, kRows * unroll, kBlocks);
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

inline Grid grid_of(const ColumnShares& s) {
  return {.x = static_cast<unsigned>(s.tiles), .y = static_cast<unsigned>(s.splits)};
}

// The lines of a thread's channels.
template <int kLanes>
struct NormLines {
  float scale[kLanes], shift[kLanes];

  PECLR_DEVICE NormLines(const NormChannels& channels, int first) {
    PECLR_UNROLL
    for (int l = 0; l < kLanes; ++l) set(l, channels, first + l, channels.inv_std[first + l]);
  }
  PECLR_DEVICE NormLines(const NormChannels& channels, int first, float eps) {
    PECLR_UNROLL
    for (int l = 0; l < kLanes; ++l)
      set(l, channels, first + l, 1.f / sqrtf(channels.inv_std[first + l] + eps));
  }
  PECLR_DEVICE float at(int l, float x) const { return fmaf(x, scale[l], shift[l]); }

 private:
  PECLR_DEVICE void set(int l, const NormChannels& channels, int c, float inv_std) {
    scale[l] = channels.gamma[c] * inv_std;
    shift[l] = fmaf(-channels.mean[c], scale[l], channels.beta[c]);
  }
};

}  // namespace peclr::kernels
