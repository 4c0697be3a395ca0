// SPDX-License-Identifier: Apache-2.0
// Runs the parts of training steps: the first times by asking for each operation, from then on by
// replaying what the device has recorded, so that a step costs the host one call.
#pragma once
#include <array>
#include <compare>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "engine/parameters.h"

namespace peclr {

// Which work it is. A step of one batch is one part, the first and the last; a step of several has
// a part for each. Batches take turns in a few buffers, and a recording is for one of them.
struct StepPart {
  const void* pictures;
  bool first, last;
  auto operator<=>(const StepPart&) const = default;
};

class StepRunner {
 public:
  enum class Replay { where_possible, never };

  // `store` outlives this.
  explicit StepRunner(ParameterStore& store, Replay replay = Replay::where_possible)
      : store_(store), replay_(replay) {}

  // Does `body`, which is always the same work for the same part: forward and backward passes on
  // tensors from outside, gradients cleared in the first part, Optimizer::apply() in the last; it
  // leaves its results in tensors from outside. Memory that it asks for is the step's own
  // (CachingAllocator::StepScope). Where recording fails, that is noted on stderr and all goes on
  // without.
  void run(const StepPart& part, const std::function<void()>& body);

  std::int64_t replays() const { return replays_; }  // so far

 private:
  struct Recorded {
    std::unique_ptr<Recording> work;
    std::vector<std::int64_t> counts;  // how far it moves each counter of the store
  };

  const Recorded* record(const StepPart& part, const std::function<void()>& body);
  void replay(const StepPart& part, const Recorded& recorded);

  ParameterStore& store_;
  Replay replay_;
  std::int64_t replays_ = 0;
  std::array<int, 4> runs_{};  // of parts of each kind, not replayed
  std::map<StepPart, Recorded> recorded_;
};

}  // namespace peclr
