// SPDX-License-Identifier: Apache-2.0
#include "engine/optimizer.h"

namespace peclr {

Optimizer::Optimizer(ParameterStore& store, const OptimizerOptions& options)
    : store_(store), options_(options) {
  for (const Parameter& p : store.parameters()) {
    if (p.frozen) continue;
    layout_.segments.push_back(
        {p.begin, p.shape.count(), p.shape.rank() > 1 ? options.weight_decay : 0.f});
  }
  Backend& backend = store.values().backend();
  first_moment_ = Tensor(backend, {store.total()}, DType::f32);
  second_moment_ = Tensor(backend, {store.total()}, DType::f32);
  norm_ = Tensor(backend, {1}, DType::f32);
  backend.zero(first_moment_);
  backend.zero(second_moment_);
  backend.zero(norm_);  // as it stays where nothing is learned
}

OptimizerStep Optimizer::step_of() const {
  return {layout_,         options_.kind,  learning_rate_, step_,          gradient_scale_,
          store_.values(), store_.grads(), first_moment_,  second_moment_, norm_};
}

void Optimizer::begin(double learning_rate, std::int64_t step, int accumulated) {
  learning_rate_ = learning_rate;
  step_ = step;
  gradient_scale_ = 1.f / static_cast<float>(accumulated);
  store_.values().backend().begin_update(step_of());
}

void Optimizer::apply() { store_.values().backend().apply_update(step_of()); }

float Optimizer::update(double learning_rate, std::int64_t step, int accumulated) {
  begin(learning_rate, step, accumulated);
  apply();
  return norm_.to_host()[0];
}

}  // namespace peclr
