// SPDX-License-Identifier: Apache-2.0
#include "engine/cpu/hot/optimizer.h"

#include <cmath>

#include "engine/parallel.h"

PECLR_BEGIN
namespace {

constexpr std::int64_t kChunkSize = 1 << 15;  // 128 KiB an arena

// Sum of squares in fixed lanes of double.
double square_sum(const float* x, std::int64_t n) {
  constexpr int kSums = 32;
  double sums[kSums] = {};
  std::int64_t i = 0;
  for (; i + kSums <= n; i += kSums)
    for (int lane = 0; lane < kSums; ++lane) {
      const double value = x[i + lane];
      sums[lane] += value * value;
    }
  for (; i < n; ++i) sums[i % kSums] += double(x[i]) * x[i];
  double sum = 0;
  for (double part : sums) sum += part;
  return sum;
}

void update_chunk(const ArenaChunk& chunk, const OptimizerArenas& arenas, const GradientRule& rule,
                  const AdamStep& step) {
  float* __restrict w = arenas.weight + chunk.begin;
  const float* __restrict g = arenas.gradient + chunk.begin;
  float* __restrict m = arenas.first_moment + chunk.begin;
  float* __restrict v = arenas.second_moment + chunk.begin;
  const AdamStep s = step;
  const GradientRule r = rule;
  for (std::int64_t i = 0; i < chunk.size; ++i) adam_update(s, r, g[i], w[i], m[i], v[i]);
}

}  // namespace

std::int64_t optimizer_chunks(const Segment* segments, std::int64_t count, ArenaChunk* chunks) {
  std::int64_t total = 0;
  for (std::int64_t s = 0; s < count; ++s) {
    for (std::int64_t at = 0; at < segments[s].size; at += kChunkSize, ++total) {
      const std::int64_t left = segments[s].size - at;
      if (chunks)
        chunks[total] = {segments[s].begin + at, left < kChunkSize ? left : kChunkSize, s};
    }
  }
  return total;
}

void segment_norms(const float* weight, const float* gradient, const ArenaChunk* chunks,
                   std::int64_t chunk_count, std::int64_t segment_count, SegmentNorms* norms,
                   double* scratch) {
  parallel_for(chunk_count, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t c = begin; c < end; ++c) {
      scratch[2 * c] = square_sum(weight + chunks[c].begin, chunks[c].size);
      scratch[2 * c + 1] = square_sum(gradient + chunks[c].begin, chunks[c].size);
    }
  });
  for (std::int64_t s = 0; s < segment_count; ++s) norms[s] = {};
  for (std::int64_t c = 0; c < chunk_count; ++c) {
    norms[chunks[c].segment].weight += scratch[2 * c];
    norms[chunks[c].segment].gradient += scratch[2 * c + 1];
  }
  for (std::int64_t s = 0; s < segment_count; ++s)
    norms[s] = {std::sqrt(norms[s].weight), std::sqrt(norms[s].gradient)};
}

void optimizer_update(const OptimizerArenas& arenas, const ArenaChunk* chunks,
                      std::int64_t chunk_count, const GradientRule* rules, const AdamStep& step) {
  parallel_for(chunk_count, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t c = begin; c < end; ++c)
      update_chunk(chunks[c], arenas, rules[chunks[c].segment], step);
  });
}

PECLR_END
