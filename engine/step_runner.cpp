// SPDX-License-Identifier: Apache-2.0
#include "engine/step_runner.h"
#include "engine/say.h"

#include "engine/error.h"

namespace peclr {
namespace {

// The first run finds algorithms and makes what lasts; with the second all memory is there.
constexpr int kRunsBefore = 2;

std::vector<std::int64_t> counts_of(ParameterStore& store) {
  std::vector<std::int64_t> counts;
  for (const StateCounter& counter : store.counters()) counts.push_back(counter.value);
  return counts;
}

}  // namespace

void StepRunner::run(const StepPart& part, const std::function<void()>& body) {
  if (const auto it = recorded_.find(part); it != recorded_.end()) return replay(part, it->second);
  int& runs = runs_[part.first + 2 * part.last];
  if (replay_ == Replay::where_possible && runs >= kRunsBefore)
    if (const Recorded* recorded = record(part, body)) return replay(part, *recorded);
  ++runs;
  const CachingAllocator::StepScope memory(store_.values().backend().allocator());
  body();
}

// Null where the device does not record; all is then as before.
const StepRunner::Recorded* StepRunner::record(const StepPart& part,
                                               const std::function<void()>& body) {
  Backend& backend = store_.values().backend();
  const std::vector<std::int64_t> before = counts_of(store_);
  Recorded made;
  if (part.first) store_.values_changed();  // copies of weights are remade within the recording
  // From the start: a plan that wants more scratch, or memory that is short, gives back what waits,
  // and that may hold places that are recorded already.
  const bool kept = backend.allocator().keep_step_blocks(true);
  try {
    const CachingAllocator::StepScope memory(backend.allocator());
    made.work = backend.record(body);
  } catch (const std::exception& e) {
    say("steps are not recorded ({}); each is asked for anew\n", e.what());
  }
  made.counts = counts_of(store_);
  for (std::size_t i = 0; i < before.size(); ++i) {
    store_.counters()[i].value = before[i];
    made.counts[i] -= before[i];
  }
  if (made.work) return &(recorded_[part] = std::move(made));
  backend.allocator().keep_step_blocks(kept);
  store_.values_changed();
  replay_ = Replay::never;
  return nullptr;
}

void StepRunner::replay(const StepPart& part, const Recorded& recorded) {
  recorded.work->replay();
  if (part.last) store_.values_changed();  // copies of weights are good for all parts of a step
  for (std::size_t i = 0; i < recorded.counts.size(); ++i)
    store_.counters()[i].value += recorded.counts[i];
  ++replays_;
}

}  // namespace peclr
