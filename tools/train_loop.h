// SPDX-License-Identifier: Apache-2.0
// The loop that pre-training and fine-tuning share: schedule, accumulation, metrics, progress,
// checkpoints, signals.
#pragma once
#include <functional>
#include <utility>
#include <vector>

#include "engine/optimizer.h"
#include "kernels/schedule.h"
#include "tools/run_folder.h"

namespace peclr {

// How a run is cut into steps. An incomplete step at the end of an epoch is dropped.
struct TrainPlan {
  std::int64_t pictures;         // an epoch
  std::int64_t steps_per_epoch;  // optimiser steps
  std::int64_t steps;            // of the whole run
  Schedule schedule;

  // Throws Error(data) if the pictures do not fill one step.
  static TrainPlan of(const Settings::Train& train, std::int64_t pictures);
};

struct TrainTask {
  ParameterStore& store;
  Optimizer& optimizer;
  Metadata model_metadata;  // of model.safetensors
  std::string device;       // its description, for run.json
  PictureKeeping keeping;   // of pictures, on the device

  std::int64_t images;             // of a batch, that go through the network
  std::vector<const char*> names;  // of the values of a batch, under which their means are logged;
                                   // the first is the loss
  Tensor values;                   // [names] f32, sums over a step's batches
  // Brings the next batch to tensors that pass() reads; returns the place of its pictures.
  std::function<const void*()> load;
  // Forward and backward of that batch, and its values added to `values`. Can be recorded
  // (Backend::record).
  std::function<void()> pass;
};

// Runs from the folder's first step to the plan's end. Returns 0, or 75 when a signal asked to stop
// (state saved). Throws Error(divergence) that names the step when the loss is not finite;
// last.safetensors then holds an earlier step.
int train(const RunFolder& run, const TrainPlan& plan, TrainTask& task);

}  // namespace peclr
