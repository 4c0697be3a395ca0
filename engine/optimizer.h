// SPDX-License-Identifier: Apache-2.0
// The optimiser's state beside a model's arenas.
#pragma once
#include "engine/backend.h"
#include "engine/parameters.h"

namespace peclr {

struct OptimizerOptions {
  OptimizerKind kind = OptimizerKind::adam;
  float weight_decay = 0;  // not on biases and norms
};

class Optimizer {
 public:
  // `store` must be allocated and outlive the optimiser, which changes nothing that is frozen.
  Optimizer(ParameterStore& store, const OptimizerOptions& options);

  // Applies the gradients, divided by `accumulated` micro-batches; returns their norm. `step`
  // counts from 0. Where the norm is not finite, the weights are as before.
  float update(double learning_rate, std::int64_t step, int accumulated = 1);
  // The same in parts, of which apply() can be recorded (Backend::record). It leaves the norm [1]
  // on the device.
  void begin(double learning_rate, std::int64_t step, int accumulated = 1);
  void apply();
  const Tensor& norm() const { return norm_; }

  const Tensor& first_moment() const { return first_moment_; }
  const Tensor& second_moment() const { return second_moment_; }

 private:
  OptimizerStep step_of() const;

  ParameterStore& store_;
  OptimizerOptions options_;
  double learning_rate_ = 0;
  std::int64_t step_ = 0;
  float gradient_scale_ = 1;
  OptimizerLayout layout_;
  Tensor first_moment_, second_moment_, norm_;
};

}  // namespace peclr
