// SPDX-License-Identifier: Apache-2.0
#include "engine/gpu/optimizer.h"

#include <algorithm>

#include "engine/gpu/records.h"

namespace peclr::gpu {
namespace {

bool same(const Segment& a, const Segment& b) {
  return a.begin == b.begin && a.size == b.size && a.weight_decay == b.weight_decay;
}

}  // namespace

void OptimizerOnDevice::prepare(Backend& memory, const OptimizerLayout& layout) {
  const std::vector<Segment>& wanted = layout.segments;
  if (squares_.defined() &&
      std::equal(wanted.begin(), wanted.end(), segments_.begin(), segments_.end(), same))
    return;
  const kernels::OptimizerTables tables = kernels::optimizer_tables(wanted);
  const std::size_t count = tables.segments.size();
  chunk_count_ = tables.chunks.size();
  chunks_ = lasting_records<kernels::OptimizerChunk>(memory, chunk_count_);
  upload<kernels::OptimizerChunk>(tables.chunks, chunks_);
  table_ = lasting_records<kernels::OptimizerSegment>(memory, count);
  upload<kernels::OptimizerSegment>(tables.segments, table_);
  control_ = lasting_records<kernels::OptimizerControl>(memory, 1);
  partials_ = lasting_records<SegmentNorms>(memory, chunk_count_);
  rules_ = lasting_records<GradientRule>(memory, count);
  squares_ = lasting_records<double>(memory, count);
  tickets_ = lasting_records<unsigned>(memory, count + 1);
  memory.zero(tickets_);
  segments_ = wanted;
}

kernels::OptimizerPlan OptimizerOnDevice::plan(const Tensor& norm) const {
  return {static_cast<int>(chunk_count_),
          static_cast<int>(segments_.size()),
          records_in<kernels::OptimizerChunk>(chunks_),
          records_in<kernels::OptimizerSegment>(table_),
          records_in<kernels::OptimizerControl>(control_),
          records_in<SegmentNorms>(partials_),
          records_in<GradientRule>(rules_),
          records_in<double>(squares_),
          norm.data<float>(),
          records_in<unsigned>(tickets_)};
}

void OptimizerOnDevice::begin_update(Backend& memory, const OptimizerStep& step) {
  prepare(memory, step.layout);
  const kernels::OptimizerControl control{adam_step({}, step.learning_rate, step.step),
                                          step.gradient_scale, step.learning_rate};
  upload(control, control_);
}

void OptimizerOnDevice::apply_update(Stream stream, const OptimizerStep& step) {
  const kernels::OptimizerArenas arenas{step.weights.data<float>(), step.gradients.data<float>(),
                                        step.first_moment.data<float>(),
                                        step.second_moment.data<float>()};
  kernels::optimizer_norms(plan(step.norm), step.kind, arenas, stream);
  kernels::optimizer_update(plan(step.norm), arenas, stream);
  step.weights.storage().touch();
}

}  // namespace peclr::gpu
