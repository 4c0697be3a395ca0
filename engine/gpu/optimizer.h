// SPDX-License-Identifier: Apache-2.0
// Backend::update on a GPU. What lies on the device stays there from step to step, so that a step
// uploads a few numbers and reads back one, the gradient's norm.
#pragma once
#include <vector>

#include "engine/backend.h"
#include "kernels/optimizer_kernels.h"

namespace peclr::gpu {

class OptimizerOnDevice {
 public:
  // As Backend's.
  void begin_update(Backend& memory, const OptimizerStep& step);
  void apply_update(Stream stream, const OptimizerStep& step);
  double end_update(const OptimizerStep& step);

 private:
  void prepare(Backend& memory, const OptimizerLayout& layout);  // where the layout is a new one
  kernels::OptimizerPlan plan() const;

  std::vector<Segment> segments_;  // that the tables are for
  std::size_t chunk_count_ = 0;
  Tensor chunks_, table_, control_, partials_, rules_, squares_, square_, tickets_;
};

}  // namespace peclr::gpu
