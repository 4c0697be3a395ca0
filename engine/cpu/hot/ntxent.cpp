// SPDX-License-Identifier: Apache-2.0
// A chunk of work owns kOwn rows and meets all rows, kTile at a time: product, then exponentials,
// and for the gradient a second product, while the tile stays in the cache. That the matrix of
// similarities is symmetric is not used: it would save a third of the products, and cost a barrier
// for each meeting of two blocks.
#include "engine/cpu/hot/ntxent.h"

#include "engine/cpu/hot/panel_product.h"
#include "engine/parallel.h"

PECLR_BEGIN
namespace {

constexpr std::int64_t kOwn = 64;    // a batch of 64 pictures, 128 rows, is two chunks
constexpr std::int64_t kTile = 128;  // tile [kOwn, kTile]: 32 KB
static_assert(kTile % kOwn == 0 && kOwn % kPanel == 0 && kPanel % kStrip == 0);

constexpr std::int64_t round_up(std::int64_t n, std::int64_t to) { return (n + to - 1) / to * to; }
constexpr std::int64_t smaller(std::int64_t a, std::int64_t b) { return a < b ? a : b; }

// The scratch memory, carved up. Rows are padded with zeros to whole tiles.
struct Workspace {
  std::int64_t rows, dim, padded_rows, dim_panels;
  float* across;    // z, panels of kPanel rows:    [padded_rows / kPanel, dim, kPanel]
  float* along;     // z, panels of kPanel columns: [dim_panels, padded_rows, kPanel]
  float* gradient;  // as along
  float* lse;       // [padded_rows]
  float* positive;  // [padded_rows]
  float* nearest;   // [padded_rows], highest similarity of a negative

  Workspace(const NtxentSpec& spec, float* scratch)
      : rows(spec.rows),
        dim(spec.dim),
        padded_rows(round_up(spec.rows, kTile)),
        dim_panels((spec.dim + kPanel - 1) / kPanel) {
    constexpr std::uintptr_t kAlign = kPanelLanes * sizeof(float);
    const auto address = reinterpret_cast<std::uintptr_t>(scratch);
    float* next = scratch + ((kAlign - address % kAlign) % kAlign) / sizeof(float);
    const auto take = [&next](std::int64_t n) {
      float* const taken = next;
      next += n;
      return taken;
    };
    across = take(padded_rows * dim_panels * kPanel);
    along = take(padded_rows * dim_panels * kPanel);
    gradient = take(padded_rows * dim_panels * kPanel);
    lse = take(padded_rows);
    positive = take(padded_rows);
    nearest = take(padded_rows);
  }

  const float* across_panel(std::int64_t row) const { return across + row / kPanel * dim * kPanel; }
  std::int64_t along_at(std::int64_t panel, std::int64_t row) const {
    return (panel * padded_rows + row) * kPanel;
  }
};

void pack_across(const Workspace& w, const float* z) {
  parallel_for(w.padded_rows / kPanel, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t p = begin; p < end; ++p)
      for (std::int64_t r = 0; r < kPanel; ++r) {
        const std::int64_t row = p * kPanel + r;
        float* out = w.across + p * w.dim * kPanel + r;
        for (std::int64_t d = 0; d < w.dim; ++d)
          out[d * kPanel] = row < w.rows ? z[row * w.dim + d] : 0.f;
      }
  });
}

void pack_along(const Workspace& w, const float* z) {
  parallel_for(w.padded_rows, kTile, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t p = 0; p < w.dim_panels; ++p)
      for (std::int64_t row = begin; row < end; ++row)
        for (std::int64_t c = 0; c < kPanel; ++c) {
          const std::int64_t d = p * kPanel + c;
          w.along[w.along_at(p, row) + c] = row < w.rows && d < w.dim ? z[row * w.dim + d] : 0.f;
        }
  });
}

// tile [kOwn, kTile] = z_i . z_j / temperature for the rows from i0 and from j0. What is no
// negative pair is masked; the positives among them are written to `positive` first, if that is
// wanted.
void similarities(const Workspace& w, float inv_temperature, std::int64_t i0, std::int64_t j0,
                  float* tile, float* positive) {
  for (std::int64_t j = 0; j < kTile; j += kPanel)
    for (std::int64_t i = 0; i < kOwn; i += kStrip)
      panel_product<Store::scaled>({w.across_panel(i0 + i) + i % kPanel, 1, kPanel},
                                   w.across_panel(j0 + j), w.dim, inv_temperature,
                                   tile + i * kTile + j, kTile);
  const std::int64_t i_count = smaller(kOwn, w.rows - i0), j_count = smaller(kTile, w.rows - j0);
  for (std::int64_t i = 0; i < i_count; ++i) {
    float* row = tile + i * kTile;
    for (std::int64_t j = j_count; j < kTile; ++j) row[j] = kMasked;
    const std::int64_t self = i0 + i - j0, other = positive_of(i0 + i, w.rows) - j0;
    if (self >= 0 && self < j_count) row[self] = kMasked;
    if (other < 0 || other >= j_count) continue;
    if (positive) positive[i0 + i] = row[other];
    row[other] = kMasked;
  }
}

LogSumExp fold_row(const float* row) {
  float max = kMasked, sum = 0;
#pragma omp simd reduction(max : max)
  for (std::int64_t j = 0; j < kTile; ++j) max = row[j] > max ? row[j] : max;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t j = 0; j < kTile; ++j) sum += exp_f32(row[j] - max);
  return {max, sum};
}

// gradient of the rows from i0 += tile . z of the rows from j0.
void add_gradient(const Workspace& w, const float* tile, std::int64_t i0, std::int64_t j0) {
  for (std::int64_t p = 0; p < w.dim_panels; ++p)
    for (std::int64_t i = 0; i < kOwn; i += kStrip)
      panel_product<Store::added>({tile + i * kTile, kTile, 1}, w.along + w.along_at(p, j0), kTile,
                                  1.f, w.gradient + w.along_at(p, i0 + i), kPanel);
}

// Mean of z_i . z_j over negative pairs, from the sum of all rows: no pass over pairs is needed.
double mean_negative(const NtxentSpec& spec, const float* z, double positive_sum) {
  if (spec.rows <= 2) return 0;
  double sum[kNtxentMaxDim] = {}, squares[kNtxentMaxDim] = {};
  for (std::int64_t i = 0; i < spec.rows; ++i)
    for (std::int64_t d = 0; d < spec.dim; ++d) {
      const double x = z[i * spec.dim + d];
      sum[d] += x;
      squares[d] += x * x;
    }
  double total = -positive_sum;
  for (std::int64_t d = 0; d < spec.dim; ++d) total += sum[d] * sum[d] - squares[d];
  return total / (double(spec.rows) * double(spec.rows - 2));
}

double embedding_spread(const NtxentSpec& spec, const float* z) {
  const std::int64_t rows = spec.rows, dim = spec.dim;
  double mean[kNtxentMaxDim] = {}, variance[kNtxentMaxDim] = {};
  for (std::int64_t i = 0; i < rows; ++i)
    for (std::int64_t d = 0; d < dim; ++d) mean[d] += z[i * dim + d];
  for (std::int64_t d = 0; d < dim; ++d) mean[d] /= double(rows);
  for (std::int64_t i = 0; i < rows; ++i)
    for (std::int64_t d = 0; d < dim; ++d) {
      const double apart = z[i * dim + d] - mean[d];
      variance[d] += apart * apart;
    }
  double total = 0;
  for (std::int64_t d = 0; d < dim; ++d) total += std::sqrt(variance[d] / double(rows));
  return total / std::sqrt(double(dim));
}

}  // namespace

std::int64_t ntxent_scratch_floats(const NtxentSpec& spec) {
  const std::int64_t rows = round_up(spec.rows, kTile);
  return 3 * rows * round_up(spec.dim, kPanel) + 3 * rows + kPanelLanes;
}

NtxentSummary ntxent_forward(const NtxentSpec& spec, const float* z, const NtxentRows& rows,
                             float* scratch) {
  const Workspace w(spec, scratch);
  pack_across(w, z);
  parallel_for(w.rows, kOwn, [&](std::int64_t begin, std::int64_t end) {
    alignas(64) float tile[kOwn * kTile];
    LogSumExp negatives[kOwn];
    for (std::int64_t j0 = 0; j0 < w.rows; j0 += kTile) {
      similarities(w, 1.f / spec.temperature, begin, j0, tile, w.positive);
      for (std::int64_t i = 0; i < end - begin; ++i)
        negatives[i] = merge(negatives[i], fold_row(tile + i * kTile));
    }
    for (std::int64_t i = begin; i < end; ++i) {
      const AnchorLoss anchor = anchor_loss(negatives[i - begin], w.positive[i]);
      rows.lse[i] = anchor.lse;
      rows.loss[i] = anchor.loss;
      w.nearest[i] = negatives[i - begin].max;
    }
  });

  double loss = 0, top1 = 0, positive_sum = 0;
  for (std::int64_t i = 0; i < spec.rows; ++i) {
    loss += rows.loss[i];
    top1 += w.positive[i] > w.nearest[i] ? 1 : 0;
    positive_sum += double(w.positive[i]) * spec.temperature;
  }
  const auto n = static_cast<double>(spec.rows);
  return {.loss = static_cast<float>(loss / n),
          .positive = static_cast<float>(positive_sum / n),
          .negative = static_cast<float>(mean_negative(spec, z, positive_sum)),
          .top1 = static_cast<float>(top1 / n),
          .spread = static_cast<float>(embedding_spread(spec, z))};
}

void ntxent_backward(const NtxentSpec& spec, const float* z, const NtxentRows& rows,
                     float grad_loss, float* scratch, float* grad_z) {
  const Workspace w(spec, scratch);
  pack_across(w, z);
  pack_along(w, z);
  for (std::int64_t j = 0; j < w.padded_rows; ++j) w.lse[j] = j < w.rows ? rows.lse[j] : 0.f;
  const float scale = grad_loss / (static_cast<float>(spec.rows) * spec.temperature);
  parallel_for(w.rows, kOwn, [&](std::int64_t begin, std::int64_t end) {
    alignas(64) float tile[kOwn * kTile];
    for (std::int64_t p = 0; p < w.dim_panels; ++p)
      for (std::int64_t k = 0; k < kOwn * kPanel; ++k) w.gradient[w.along_at(p, begin) + k] = 0.f;
    for (std::int64_t j0 = 0; j0 < w.rows; j0 += kTile) {
      similarities(w, 1.f / spec.temperature, begin, j0, tile, nullptr);
      for (std::int64_t i = 0; i < kOwn; ++i)
#pragma omp simd
        for (std::int64_t j = 0; j < kTile; ++j)
          tile[i * kTile + j] = push(tile[i * kTile + j], w.lse[begin + i], w.lse[j0 + j]);
      add_gradient(w, tile, begin, j0);
    }
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t other = positive_of(i, spec.rows);
      const float both = pull(rows.loss[i]) + pull(rows.loss[other]);
      for (std::int64_t d = 0; d < spec.dim; ++d) {
        const std::int64_t panel = d / kPanel, c = d % kPanel;
        grad_z[i * spec.dim + d] = scale * (w.gradient[w.along_at(panel, i) + c] -
                                            both * w.along[w.along_at(panel, other) + c]);
      }
    }
  });
}

PECLR_END
