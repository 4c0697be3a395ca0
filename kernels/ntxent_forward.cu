// SPDX-License-Identifier: Apache-2.0
#include "kernels/ntxent_product.h"
#include "kernels/reduce.h"

namespace peclr::kernels {
namespace {

// Block (x, y): own rows x, part y of the columns. Each lane folds the columns it sees; the four
// lanes of a row come together at the end.
template <class T, int kDim>
struct NtxentForward {
  struct Params {
    const T* operands;
    LogSumExp* negatives;  // [gridDim.y, rows]
    float* positives;      // [padded rows]: one lane of all meets a row's
    int rows;
    float scale;  // from z_i . z_j to similarities in units of ln 2
  };
  // Four blocks' warps: while some have products, others have exponentials.
  static constexpr int kThreads = kNtxentThreads, kMinBlocks = 4;
  static constexpr int kColumns = 32;
  struct Shared {
    Tile<T, kDim> tiles[2];
  };
  using Negatives = LogSumExp[kRowFragments<kDim>][2];

  PECLR_DEVICE static void run(const Params& p, Shared& s) {
    const int first_row = first_row_of_warp<kDim>();
    const WarpProduct<T, kDim> product(p.operands + std::int64_t{first_row} * kDim);
    Negatives negatives;
    constexpr int kRows = Tile<T, kDim>::kRows;
    for_each_tile(s.tiles, p.operands, p.rows, [&](Tile<T, kDim>& tile, int first) {
      PECLR_UNROLL_BY(1)
      for (int column = 0; column < kRows; column += kColumns) {
        WarpMatrix<kDim, kColumns> dots = product.template similarities<kColumns>(tile, column);
        if (has_exceptions<kDim, kColumns>(first_row, first + column, p.rows))
          mask(p, first_row, first + column, dots);
        fold(p.scale, dots, negatives);
      }
    });
    write(p, first_row, negatives);
  }

 private:
  PECLR_DEVICE static void mask(const Params& p, int first_row, int first_column,
                                WarpMatrix<kDim, kColumns>& dots) {
    for_each_element(dots, [&](int row, int column, float& dot) {
      row += first_row;
      column += first_column;
      const bool positive = column == positive_of(row, p.rows);
      if (positive) p.positives[row] = dot * p.scale;
      if (positive || column == row || column >= p.rows) dot = kMasked;
    });
  }

  PECLR_DEVICE static void fold(float scale, const WarpMatrix<kDim, kColumns>& dots,
                                Negatives& negatives) {
    PECLR_UNROLL
    for (int m = 0; m < kRowFragments<kDim>; ++m)
      for (int half = 0; half < 2; ++half) {
        LogSumExp& seen = negatives[m][half];
        float top = kMasked;
        PECLR_UNROLL
        for (int n = 0; n < kColumns / 8; ++n)
          top = fmaxf(top, fmaxf(dots.c[m][n][2 * half], dots.c[m][n][2 * half + 1]));
        const float max = fmaxf(seen.max, top * scale);
        float sum = 0;
        PECLR_UNROLL
        for (int n = 0; n < kColumns / 8; ++n)
          sum += exp2_fast(fmaf(dots.c[m][n][2 * half], scale, -max)) +
                 exp2_fast(fmaf(dots.c[m][n][2 * half + 1], scale, -max));
        seen = {max, fmaf(seen.sum, exp2_fast(seen.max - max), sum)};
      }
  }

  PECLR_DEVICE static void write(const Params& p, int first_row, const Negatives& negatives) {
    PECLR_UNROLL
    for (int m = 0; m < kRowFragments<kDim>; ++m)
      for (int half = 0; half < 2; ++half) {
        const LogSumExp all =
            warp_fold<4>(negatives[m][half],
                         [](const LogSumExp& a, const LogSumExp& b) { return merge_base2(a, b); });
        const int row = first_row + 16 * m + fragment_row(2 * half);
        if (lane_index() % 4 == 0 && row < p.rows)
          p.negatives[std::int64_t{blockIdx.y} * p.rows + row] = all;
      }
  }
};

template <class T>
struct Workspace {
  T* operands;
  LogSumExp* negatives;
  float* positives;
  ColumnMoments* sums;
  AnchorSums* block_sums;
  ColumnMoments* block_columns;
  unsigned* finished;
  int splits;
  std::size_t bytes;

  Workspace(const NtxentProblem& problem, void* memory) {
    const NtxentSizes sizes(problem.spec);
    Carver carver(memory);
    // A part leaves little here, and the more blocks, the shorter the wait for the last; twice as
    // many have room as of the gradient.
    splits = sizes.splits(8 * problem.blocks, 16);
    const auto rows = static_cast<std::size_t>(sizes.padded_rows);
    operands = carver.take<T>(rows * sizes.padded_dim);
    negatives = carver.take<LogSumExp>(rows * splits);
    positives = carver.take<float>(rows);
    sums = carver.take<ColumnMoments>(rows / kColumnSumRows * sizes.padded_dim);
    const std::size_t blocks = rows / kSummaryThreads + 1;
    block_sums = carver.take<AnchorSums>(blocks);
    block_columns = carver.take<ColumnMoments>(blocks * sizes.padded_dim);
    finished = carver.take<unsigned>(1);
    bytes = carver.used();
  }
};

}  // namespace

std::size_t ntxent_workspace(const NtxentProblem& problem) {
  return with_operands(problem, [&]<class T>() { return Workspace<T>(problem, nullptr).bytes; });
}

void ntxent(const NtxentProblem& problem, const float* z, const NtxentAnchors& anchors,
            NtxentSummary* summary, void* workspace, Stream stream) {
  with_operands(problem, [&]<class T>() {
    const NtxentSizes sizes(problem.spec);
    const float temperature = problem.spec.temperature;
    const Workspace<T> w(problem, workspace);
    write_operands(sizes, {z, w.operands, w.sums, w.finished}, stream);
    with_padded_dim(sizes, [&]<int kDim>() {
      launch<NtxentForward<T, kDim>>(
          {.x = blocks_for(sizes.rows, kOwnRows<kDim>), .y = static_cast<unsigned>(w.splits)},
          {w.operands, w.negatives, w.positives, sizes.rows, kLog2e / temperature}, stream);
    });
    summarise(
        sizes,
        {w.negatives, w.positives, w.sums, w.block_sums, w.block_columns, w.finished, w.splits},
        temperature, anchors, summary, stream);
  });
}

}  // namespace peclr::kernels
