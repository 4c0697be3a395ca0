// SPDX-License-Identifier: Apache-2.0
#include "engine/optimizer.h"

#include <cmath>

namespace peclr {

Optimizer::Optimizer(ParameterStore& store, const OptimizerOptions& options)
    : store_(store), options_(options) {
  for (const Parameter& p : store.parameters())
    layout_.segments.push_back(
        {p.begin, p.shape.count(), p.shape.rank() > 1 ? options.weight_decay : 0.f});
  Backend& backend = store.values().backend();
  first_moment_ = Tensor(backend, {store.total()}, DType::f32);
  second_moment_ = Tensor(backend, {store.total()}, DType::f32);
  backend.zero(first_moment_);
  backend.zero(second_moment_);
}

double Optimizer::update(double learning_rate, std::int64_t step, int accumulated) {
  const double norm = store_.values().backend().update(
      {layout_, options_.kind, learning_rate, step, 1.f / static_cast<float>(accumulated),
       store_.values(), store_.grads(), first_moment_, second_moment_});
  if (!std::isfinite(norm))
    fail(ErrorKind::divergence,
         "step {}: the gradient is not finite; the weights before this step were kept. Lower "
         "train.lr, or use precision=f32",
         step + 1);
  return norm;
}

}  // namespace peclr
