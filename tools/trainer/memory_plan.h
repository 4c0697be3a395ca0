// SPDX-License-Identifier: Apache-2.0
// How much memory a run needs, known before its first step: a step is asked of a device that only
// counts (engine/dry_backend.h).
#pragma once
#include <functional>
#include <optional>

#include "engine/dry_backend.h"
#include "tools/settings/engine_options.h"
#include "tools/trainer/batch_parts.h"

namespace peclr {

// Bytes at the peak of a step, with weights, optimiser and the pictures that are prepared ahead.
// What libraries need besides is not in it: the least that the run will need. `picture` is one of
// Backend::pictures() on the run's device.
template <class Training>
std::int64_t memory_need(Settings settings, const Tensor& picture, int batch_size) {
  settings.train.batch_size = batch_size;
  DryBackend dry(picture.shape().last(), picture.dtype());
  Training training(settings, dry);
  std::vector<typename Training::Batches::Batch> batches;
  for (int i = 0; i < kBatchBuffers; ++i)
    batches.push_back(Training::Batches::blank(settings, dry));
  training.store.zero_grads();
  training.pass(batches.front());
  training.optimizer.apply();
  return dry.memory().peak_bytes_in_use;
}

// A run's need as a function of train.batch_size, and what there is.
struct MemoryPlan {
  std::function<std::int64_t(int)> need;
  int batch_size;
  std::int64_t available;  // bytes: Backend::memory_available

  bool fits(int batch, double slack) const;  // its need times `slack` there is
  // The largest batch, 2 pictures or more and fewer than batch_size, that fits; nothing where none
  // does.
  std::optional<int> fitting(double slack) const;
  // Throws Error(failure) that says what would fit where batch_size cannot.
  void require() const;
  // A line for the log, before the first step.
  std::string summary() const;
  // For an error once the run is under way: ": 48 should fit", or nothing where batch_size should.
  std::string advice() const;
};

template <class Training>
MemoryPlan memory_plan(const Settings& settings, Backend& backend) {
  // Made now: once memory is full, the device could give none.
  const Tensor picture = backend.pictures(1, 1, compute_type(settings));
  return {
      [settings, picture](int batch) { return memory_need<Training>(settings, picture, batch); },
      settings.train.batch_size, backend.memory_available()};
}

}  // namespace peclr
