// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "kernels/last_block.h"
#include "kernels/launch.h"
#include "kernels/ntxent_steps.h"
#include "kernels/reduce.h"

namespace peclr::kernels {
namespace {

struct AddAnchors {
  PECLR_DEVICE AnchorSums operator()(const AnchorSums& a, const AnchorSums& b) const {
    return {a.loss + b.loss, a.top1 + b.top1, a.positive + b.positive};
  }
};

// A thread has an anchor, a block the columns of its anchors' rows; the last block then adds up
// what all have left.
struct NtxentSummaryKernel {
  struct Params {
    NtxentSizes sizes;
    NtxentSummaryJob job;
    NtxentAnchors anchors;
    NtxentSummary* summary;
    double cosine;  // of one unit of similarity
  };
  static constexpr int kThreads = kSummaryThreads;
  struct Shared {
    AnchorSums partial[kThreads / kWarp];
    double two[2][kThreads / kWarp];
    ColumnMoments columns[kThreads];
    bool last;
  };

  PECLR_DEVICE static void run(const Params& p, Shared& s) {
    const int rows = p.sizes.rows;
    const int row = static_cast<int>(blockIdx.x * kThreads + threadIdx.x);
    const AnchorSums sums =
        block_fold<kThreads>(row < rows ? anchor(p, row) : AnchorSums{}, AddAnchors{}, s.partial);
    if (threadIdx.x == 0) p.job.block_sums[blockIdx.x] = sums;
    const int padded_dim = p.sizes.padded_dim, thread = static_cast<int>(threadIdx.x);
    const ColumnMoments columns = add_columns(own_columns(p), padded_dim, s);
    if (thread < padded_dim)
      p.job.block_columns[std::int64_t{blockIdx.x} * padded_dim + thread] = columns;
    if (!is_last_block(p.job.finished, gridDim.x, s.last)) return;

    AnchorSums mine;
    for (unsigned block = threadIdx.x; block < gridDim.x; block += kThreads)
      mine = AddAnchors{}(mine, p.job.block_sums[block]);
    const AnchorSums total = block_fold<kThreads>(mine, AddAnchors{}, s.partial);
    const auto [spread, pairs] = embedding(p, s);
    if (threadIdx.x != 0) return;
    const double n = rows;
    const double positive = total.positive * p.cosine;
    p.summary->loss = static_cast<float>(total.loss / n);
    p.summary->positive = static_cast<float>(positive / n);
    p.summary->negative = rows <= 2 ? 0.f : static_cast<float>((pairs - positive) / (n * (n - 2)));
    p.summary->top1 = static_cast<float>(total.top1 / n);
    p.summary->spread = static_cast<float>(spread);
  }

 private:
  PECLR_DEVICE static AnchorSums anchor(const Params& p, int row) {
    const float positive = p.job.positives[row];
    LogSumExp negatives = p.job.negatives[row];
    for (int split = 1; split < p.job.splits; ++split)
      negatives = merge_base2(negatives, p.job.negatives[std::int64_t{split} * p.sizes.rows + row]);
    const AnchorLoss anchor = anchor_loss_base2(negatives, positive);
    p.anchors.lse[row] = anchor.lse;
    p.anchors.loss[row] = anchor.loss;
    return {anchor.loss, positive > negatives.max ? 1. : 0., positive};
  }

  // [count, padded_dim].
  struct Columns {
    const ColumnMoments* rows;
    int count;
  };
  PECLR_DEVICE static Columns own_columns(const Params& p) {
    constexpr int kOwn = kThreads / kColumnSumRows;
    const int first = static_cast<int>(blockIdx.x) * kOwn;
    const int left = (p.sizes.rows + kColumnSumRows - 1) / kColumnSumRows - first;
    return {p.job.sums + std::int64_t{first} * p.sizes.padded_dim, left < kOwn ? left : kOwn};
  }
  // Their sum, in the block's first padded_dim threads.
  PECLR_DEVICE static ColumnMoments add_columns(const Columns& from, int padded_dim, Shared& s) {
    const int groups = kThreads / padded_dim, thread = static_cast<int>(threadIdx.x);
    ColumnMoments sums{0, 0};
    PECLR_UNROLL_BY(8)
    for (int row = thread / padded_dim; row < from.count; row += groups) {
      const ColumnMoments more = from.rows[std::int64_t{row} * padded_dim + thread % padded_dim];
      sums = {sums.sum + more.sum, sums.squares + more.squares};
    }
    s.columns[thread] = sums;
    __syncthreads();
    if (thread < padded_dim)
      for (int group = 1; group < groups; ++group) {
        const ColumnMoments& more = s.columns[group * padded_dim + thread];
        sums = {sums.sum + more.sum, sums.squares + more.squares};
      }
    return sums;
  }

  struct Embedding {
    double spread;  // sqrt(D) * mean over columns of the standard deviation over rows
    double pairs;   // sum of z_i . z_j over all i != j: no pass over pairs is needed
  };
  PECLR_DEVICE static Embedding embedding(const Params& p, Shared& s) {
    const ColumnMoments sums =
        add_columns({p.job.block_columns, static_cast<int>(gridDim.x)}, p.sizes.padded_dim, s);
    double deviation = 0, pairs = 0;
    if (static_cast<int>(threadIdx.x) < p.sizes.padded_dim) {
      const double n = p.sizes.rows, mean = sums.sum / n;
      const double variance = sums.squares / n - mean * mean;
      deviation = sqrt(variance < 0 ? 0. : variance);  // so written that NaN passes
      pairs = sums.sum * sums.sum - sums.squares;
    }
    return {block_fold<kThreads>(deviation, Add{}, s.two[0]) / sqrt(double(p.sizes.dim)),
            block_fold<kThreads>(pairs, Add{}, s.two[1])};
  }
};

}  // namespace

void summarise(const NtxentSizes& sizes, const NtxentSummaryJob& job, float temperature,
               const NtxentAnchors& anchors, NtxentSummary* summary, Stream stream) {
  launch<NtxentSummaryKernel>({.x = blocks_for(sizes.rows, kSummaryThreads)},
                              {sizes, job, anchors, summary, double(temperature) / kLog2e}, stream);
}

}  // namespace peclr::kernels
