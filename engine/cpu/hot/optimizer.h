// SPDX-License-Identifier: Apache-2.0
// The optimiser's passes over the arenas: norms of each tensor, and one update of weights and
// moments. Both go by chunks that never cross a tensor's border and that the
// segments alone decide.
#pragma once
#include <cstdint>

#include "kernels/host_device.h"
#include "kernels/optimizer.h"

namespace peclr {

// `size` numbers of one tensor.
struct ArenaChunk {
  std::int64_t begin = 0, size = 0;
  std::int64_t segment = 0;
};

// Flat f32 arenas of one layout.
struct OptimizerArenas {
  float* weight;
  const float* gradient;
  float *first_moment, *second_moment;
};

}  // namespace peclr

PECLR_BEGIN

// Number of chunks of the segments; writes them to `chunks` unless it is null.
std::int64_t optimizer_chunks(const Segment* segments, std::int64_t count, ArenaChunk* chunks);

// norms [segments]; scratch: 2 doubles a chunk. Sums in double, in an order that only the chunks
// decide.
void segment_norms(const float* weight, const float* gradient, const ArenaChunk* chunks,
                   std::int64_t chunk_count, std::int64_t segment_count, SegmentNorms* norms,
                   double* scratch);

// One step for all chunks; rules [segments] from adam_rule or lars_rule.
void optimizer_update(const OptimizerArenas& arenas, const ArenaChunk* chunks,
                      std::int64_t chunk_count, const GradientRule* rules, const AdamStep& step);

PECLR_END
