// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/gpu/cases.h"
#include "benchmarks/gpu/random_tensor.h"
#include "engine/gpu/records.h"
#include "kernels/optimizer_kernels.h"
#include "models/contrastive_model.h"

namespace peclr::bench {
namespace {

// The tensors of the model with that many parameters; of none, one of a matrix's kind and one of a
// bias's.
std::vector<Segment> segments(const Sizes& s) {
  ParameterStore store;
  std::vector<Segment> all;
  std::int64_t total = 0;
  const auto add = [&](std::int64_t size, float weight_decay) {
    all.push_back({total, size, weight_decay});
    total += (size + 3) / 4 * 4;
  };
  if (s.parameters == kFull.parameters) {
    const ContrastiveModel model(store, {.depth = 50});
    for (const Parameter& p : store.parameters())
      add(p.shape.count(), p.shape.rank() > 1 ? 1e-6f : 0);
  } else {
    add(s.parameters - 100, 1e-6f);
    add(100, 0);
  }
  std::int64_t parameters = 0;
  for (const Segment& segment : all) parameters += segment.size;
  check(parameters == s.parameters, "{} parameters in the segments, {} in the floor", parameters,
        s.parameters);
  return all;
}

template <class T>
Tensor records(Backend& backend, const std::vector<T>& values) {
  const Tensor t = gpu::lasting_records<T>(backend, values.size());
  gpu::upload<T>(values, t);
  return t;
}

// The two launches of a step.
Case lars(Machine& m, const Sizes& s) {
  Backend& backend = m.backend();
  const std::vector<Segment> all = segments(s);
  const kernels::OptimizerTables tables = kernels::optimizer_tables(all);
  const std::size_t chunks = tables.chunks.size(), count = all.size();
  const Tensor chunk_table = records(backend, tables.chunks),
               segment_table = records(backend, tables.segments),
               control = records(
                   backend,
                   std::vector<kernels::OptimizerControl>{{adam_step({}, 1e-3, 10), 1, 1e-3}}),
               partials = gpu::lasting_records<SegmentNorms>(backend, chunks),
               rules = gpu::lasting_records<GradientRule>(backend, count),
               squares = gpu::lasting_records<double>(backend, count),
               norm = gpu::lasting_records<float>(backend, 1),
               tickets = gpu::lasting_records<unsigned>(backend, count + 1);
  backend.zero(tickets);
  const Shape arena{all.back().begin + (all.back().size + 3) / 4 * 4};
  const Tensor weights = random_tensor(backend, arena), gradients = random_tensor(backend, arena),
               first = random_tensor(backend, arena),
               second = random_tensor(backend, arena, DType::f32, .1f, 1);
  const kernels::OptimizerPlan plan{static_cast<int>(chunks),
                                    static_cast<int>(count),
                                    gpu::records_in<kernels::OptimizerChunk>(chunk_table),
                                    gpu::records_in<kernels::OptimizerSegment>(segment_table),
                                    gpu::records_in<kernels::OptimizerControl>(control),
                                    gpu::records_in<SegmentNorms>(partials),
                                    gpu::records_in<GradientRule>(rules),
                                    gpu::records_in<double>(squares),
                                    gpu::records_in<float>(norm),
                                    gpu::records_in<unsigned>(tickets)};
  const kernels::OptimizerArenas arenas{weights.data<float>(), gradients.data<float>(),
                                        first.data<float>(), second.data<float>()};
  const std::vector<Tensor> kept{chunk_table, segment_table, control, partials,  rules, squares,
                                 norm,        tickets,       weights, gradients, first, second};
  return {[kept, plan, arenas, stream = m.stream()] {
    kernels::optimizer_norms(plan, OptimizerKind::lars, arenas, stream);
    kernels::optimizer_update(plan, arenas, stream);
  }};
}

}  // namespace

std::vector<CaseEntry> optimizer_cases() { return {{"optimizer, LARS", lars}}; }

}  // namespace peclr::bench
