// SPDX-License-Identifier: Apache-2.0
// The tape of autograd. Ops append a node with a closure; backward walks the list from its end, so
// the order needs no search and no recursion, and frees what each node kept as it goes. One tape is
// one pass of one batch.
#pragma once
#include <functional>
#include <vector>

#include "engine/tensor.h"

namespace peclr {

// Training keeps what gradients need and normalises by batch statistics; evaluation does neither.
enum class Mode { train, evaluate };

// A tensor and its place on the tape; node < 0: nothing before it wants a gradient.
struct Variable {
  Tensor value;
  int node = -1;
};

class Tape {
 public:
  explicit Tape(Mode mode) : mode_(mode) {}
  Tape(const Tape&) = delete;  // what ops record holds its address
  Tape& operator=(const Tape&) = delete;
  bool training() const { return mode_ == Mode::train; }

  // A value whose gradient is wanted though no op made it; it can be read with gradient() after
  // backward().
  Variable input(Tensor value);

  // Called with the gradient that arrived at the op's output: `grad`, and `more` where a second
  // branch used the output (defined or not), so that an op which reads its gradient anyway need not
  // pay for an extra pass to add them.
  using Backward = std::function<void(const Tensor& grad, const Tensor& more)>;
  // For ops that want one tensor: `more` has been added into `grad`.
  using BackwardSummed = std::function<void(const Tensor& grad)>;

  Variable record(Tensor value, Backward backward);
  Variable record_summed(Tensor value, BackwardSummed backward);

  // Hands a gradient to the node of an input, which then owns it. Ignored where no gradient is
  // wanted.
  void send(const Variable& to, Tensor grad);

  // For ops with several outputs: has the node's backward run though it gets no gradient of its
  // own.
  void notify(const Variable& node);

  // Runs the tape from `loss` [1], whose gradient is `scale`. Throws Error(failure) when called a
  // second time.
  void backward(const Variable& loss, float scale = 1.f);
  // The same from any value, given its gradient.
  void backward_from(const Variable& value, Tensor grad);

  Tensor gradient(const Variable& input);

 private:
  struct Node {
    Backward backward;  // empty for inputs
    Tensor grad, more;
    bool notified = false;
  };

  Mode mode_;
  bool walked_ = false;
  std::vector<Node> nodes_;
};

}  // namespace peclr
