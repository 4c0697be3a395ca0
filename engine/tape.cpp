// SPDX-License-Identifier: Apache-2.0
#include "engine/tape.h"

#include <utility>

#include "engine/backend.h"

namespace peclr {

Variable Tape::input(Tensor value) {
  if (!training()) return {std::move(value), -1};
  nodes_.emplace_back();
  return {std::move(value), static_cast<int>(nodes_.size()) - 1};
}

Variable Tape::record(Tensor value, Backward backward) {
  if (!training()) return {std::move(value), -1};
  nodes_.push_back({std::move(backward), {}, {}, false});
  return {std::move(value), static_cast<int>(nodes_.size()) - 1};
}

Variable Tape::record_summed(Tensor value, BackwardSummed backward) {
  return record(std::move(value),
                [backward = std::move(backward)](const Tensor& grad, const Tensor& more) {
                  if (more.defined()) grad.backend().add(more, grad);
                  backward(grad);
                });
}

void Tape::send(const Variable& to, Tensor grad) {
  if (to.node < 0) return;
  Node& node = nodes_[static_cast<std::size_t>(to.node)];
  if (!node.grad.defined()) {
    node.grad = std::move(grad);
  } else if (!node.more.defined()) {
    node.more = std::move(grad);
  } else {
    grad.backend().add(grad, node.more);
  }
}

void Tape::notify(const Variable& node) {
  if (node.node >= 0) nodes_[static_cast<std::size_t>(node.node)].notified = true;
}

void Tape::backward(const Variable& loss, float scale) {
  Tensor seed(loss.value.backend(), {1}, DType::f32);
  seed.copy_from_host(std::span<const float>(&scale, 1));
  backward_from(loss, std::move(seed));
}

void Tape::backward_from(const Variable& value, Tensor grad) {
  check(value.node >= 0 && !std::exchange(walked_, true),
        "backward needs a value that was recorded in training mode, and a tape not yet walked");
  send(value, std::move(grad));
  for (std::size_t i = nodes_.size(); i-- > 0;) {
    Node& node = nodes_[i];
    if (!node.backward) continue;
    const Backward run = std::exchange(node.backward, nullptr);
    const Tensor arrived = std::exchange(node.grad, {}), more = std::exchange(node.more, {});
    if (arrived.defined() || node.notified) run(arrived, more);
  }
}

Tensor Tape::gradient(const Variable& input) {
  check(input.node >= 0, "no gradient was recorded for this input");
  Node& node = nodes_[static_cast<std::size_t>(input.node)];
  if (node.more.defined()) node.more.backend().add(std::exchange(node.more, {}), node.grad);
  return node.grad;
}

}  // namespace peclr
