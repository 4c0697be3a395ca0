// SPDX-License-Identifier: Apache-2.0
// A step of Adam, alone or inside LARS, over f32 arenas (formulas in kernels/optimizer.h), in two
// launches: norms and rules, then the update. All that changes from step to step is read on the
// device, so that a captured graph can be replayed.
#pragma once
#include <cstdint>
#include <vector>

#include "kernels/optimizer.h"
#include "kernels/stream.h"

namespace peclr::kernels {

// `size` numbers of one tensor: a block's work. Chunks never cross a tensor's border.
struct OptimizerChunk {
  std::int64_t begin;
  int size, segment;
};
// A tensor's chunks, and its weight decay.
struct OptimizerSegment {
  int first_chunk, chunks;
  float weight_decay;
};
struct OptimizerTables {
  std::vector<OptimizerChunk> chunks;
  std::vector<OptimizerSegment> segments;
};
OptimizerTables optimizer_tables(const std::vector<Segment>& segments);

// What the host writes before each step.
struct OptimizerControl {
  AdamStep adam;
  float gradient_scale;  // gradients are multiplied by it as they are read
  double learning_rate;  // for LARS, whose rule divides by it
};

// On the device. Tables as above; scratch of any content but for `tickets`, segments + 1 counters
// that are zero, and are zero again afterwards.
struct OptimizerPlan {
  int chunk_count, segment_count;
  const OptimizerChunk* chunks;
  const OptimizerSegment* segments;
  const OptimizerControl* control;
  SegmentNorms* partials;  // [chunks], squares
  GradientRule* rules;     // [segments]
  double* squares;         // [segments], of the scaled gradient
  float* norm;             // [1] L2 of all of the scaled gradient: the result
  unsigned* tickets;
};

struct OptimizerArenas {  // [total]
  float* weight;
  const float* gradient;
  float *first_moment, *second_moment;
};

// Leaves the rules and the gradient's norm, summed in double in a fixed order. Adam needs no
// norms of weights and does not read them.
void optimizer_norms(const OptimizerPlan& plan, OptimizerKind kind, const OptimizerArenas& arenas,
                     Stream stream);

// After the norms, by their rules. Changes nothing where the norm is not finite.
void optimizer_update(const OptimizerPlan& plan, const OptimizerArenas& arenas, Stream stream);

}  // namespace peclr::kernels
