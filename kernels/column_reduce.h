// SPDX-License-Identifier: Apache-2.0
// Sums down the columns of a matrix [rows, channels], several a column, in a fixed order: threads
// add their rows in f32, a block its threads, and the block of a tile that finishes last all the
// blocks, in double. No second launch, no atomics on values.
#pragma once
#include "kernels/column_shares.h"
#include "kernels/last_block.h"
#include "kernels/pack.h"

namespace peclr::kernels {

// kSums sums for each of kLanes channels that a thread holds; it loads kUnroll rows before it adds.
template <int kLanes, int kSums, int kUnroll>
struct ColumnReduce {
  static constexpr int kThreads = 256, kMinBlocks = 3;
  static constexpr int kTile = ColumnShares::kTile, kRows = kThreads / kTile;
  static constexpr int kValues = kLanes * kSums;
  static constexpr int kOutputs = kValues * kTile;  // sums of a tile: value * kTile + pack
  static constexpr int kQuads = kOutputs / 4, kGroups = kThreads / kQuads;

  using Sums = float[kSums][kLanes];
  struct Shared {
    union {
      float sums[kValues][kThreads + kTile];  // one row aside, or four values meet in one bank
      double folded[kGroups][kOutputs];
    };
    double total[kOutputs];
    bool last;
  };

  static ColumnShares shares(std::int64_t rows, int channels) {
    return column_shares(rows, channels, kLanes, kRows * kUnroll, kReduceBlocks);
  }

  // Where this thread's pack begins in its row, in packs; may lie behind the row's end.
  PECLR_DEVICE static int pack() {
    return static_cast<int>(blockIdx.x) * kTile + static_cast<int>(threadIdx.x) % kTile;
  }

  // load(row) reads what add(row, loaded, sums [kSums][kLanes]) then joins. True in the block that
  // finishes last of its tile: shared.total then holds the sums.
  template <class Load, class Add>
  PECLR_DEVICE static bool run(const ColumnShares& p, const ColumnScratch& scratch, Shared& s,
                               Load load, Add add) {
    const int thread = static_cast<int>(threadIdx.x);
    Sums sums = {};
    if (pack() < p.packs) {
      constexpr int kStep = kRows * kUnroll;
      for (std::int64_t first = static_cast<std::int64_t>(blockIdx.y) * kStep + thread / kTile;
           first < p.rows; first += static_cast<std::int64_t>(p.splits) * kStep) {
        decltype(load(first)) loaded[kUnroll];
        // No branch between the loads: one that has no row loads its first again.
        PECLR_UNROLL
        for (int u = 0; u < kUnroll; ++u)
          loaded[u] = load(first + u * kRows < p.rows ? first + u * kRows : first);
        PECLR_UNROLL
        for (int u = 0; u < kUnroll; ++u)
          if (first + u * kRows < p.rows) add(first + u * kRows, loaded[u], sums);
      }
    }
    PECLR_UNROLL
    for (int v = 0; v < kValues; ++v) s.sums[v][thread] = sums[v / kLanes][v % kLanes];
    __syncthreads();

    float* out = scratch.partials +
                 (static_cast<std::int64_t>(blockIdx.x) * p.splits + blockIdx.y) * kOutputs;
    if (thread < kOutputs) {
      float sum = 0;
      for (int r = 0; r < kRows; ++r) sum += s.sums[thread / kTile][r * kTile + thread % kTile];
      out[thread] = sum;
    }
    if (!is_last_block(&scratch.tickets[blockIdx.x], static_cast<unsigned>(p.splits), s.last))
      return false;
    fold(scratch.partials + static_cast<std::int64_t>(blockIdx.x) * p.splits * kOutputs, p.splits,
         s);
    return true;
  }

  // In the last block, after run: the channel that a thread finishes, if it has one, and its sums.
  PECLR_DEVICE static bool has_channel(const ColumnShares& p) {
    return static_cast<int>(threadIdx.x) < kTile * kLanes && channel() < p.packs * kLanes;
  }
  PECLR_DEVICE static int channel() {
    return static_cast<int>(blockIdx.x) * kTile * kLanes + static_cast<int>(threadIdx.x);
  }
  PECLR_DEVICE static double total(const Shared& s, int sum) {
    const int pack = static_cast<int>(threadIdx.x) / kLanes,
              lane = static_cast<int>(threadIdx.x) % kLanes;
    return s.total[(sum * kLanes + lane) * kTile + pack];
  }

 private:
  // Four values a thread, every kGroups-th block of the tile; then the groups in order.
  PECLR_DEVICE static void fold(const float* partials, int splits, Shared& s) {
    const int thread = static_cast<int>(threadIdx.x), quad = thread % kQuads * 4;
    const bool in_group = thread < kGroups * kQuads;
    double sum[4] = {};
    constexpr int kAtOnce = 8;
    for (int first = thread / kQuads; first < splits && in_group; first += kAtOnce * kGroups) {
      Pack<float> parts[kAtOnce];
      PECLR_UNROLL
      for (int u = 0; u < kAtOnce; ++u)
        parts[u] = load_pack(
            partials + (first + u * kGroups < splits ? first + u * kGroups : first) * kOutputs +
            quad);
      PECLR_UNROLL
      for (int u = 0; u < kAtOnce; ++u)
        for (int i = 0; i < 4; ++i)
          sum[i] += first + u * kGroups < splits ? static_cast<double>(parts[u][i]) : 0.0;
    }
    for (int i = 0; i < 4 && in_group; ++i) s.folded[thread / kQuads][quad + i] = sum[i];
    __syncthreads();
    if (thread < kOutputs) {
      double total = 0;
      for (int g = 0; g < kGroups; ++g) total += s.folded[g][thread];
      s.total[thread] = total;
    }
    __syncthreads();
  }
};

}  // namespace peclr::kernels
