// SPDX-License-Identifier: Apache-2.0
// Backend::begin_update and apply_update on a GPU. What lies on the device stays there from step to
// step, so that a step uploads a few numbers.
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

 private:
  void prepare(Backend& memory, const OptimizerLayout& layout);  // where the layout is a new one
  kernels::OptimizerPlan plan(const Tensor& norm) const;

  std::vector<Segment> segments_;  // that the tables are for
  std::size_t chunk_count_ = 0;
  Tensor chunks_, table_, control_, partials_, rules_, squares_, tickets_;
};

}  // namespace peclr::gpu
