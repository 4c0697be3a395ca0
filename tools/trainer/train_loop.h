// SPDX-License-Identifier: Apache-2.0
// The loop that pre-training and fine-tuning share: schedule, accumulation, metrics, progress,
// checkpoints, signals.
#pragma once
#include <functional>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "engine/optimizer.h"
#include "tools/run/run_folder.h"
#include "tools/trainer/memory_plan.h"
#include "tools/trainer/train_plan.h"

namespace peclr {

struct TrainTask {
  ParameterStore& store;
  Optimizer& optimizer;
  Tensor values;                       // [names] f32, sums over a step's batches
  std::span<const char* const> names;  // under which their means are logged; the first is the loss
  int views;                           // of a picture, that go through the network
  // Brings the next batch to tensors that pass() reads; returns the place of its pictures.
  std::function<const void*()> load;
  // Forward and backward of that batch, and its values added to `values`. Can be recorded
  // (Backend::record).
  std::function<void()> pass;

  Metadata model_metadata{};  // of model.safetensors
  PictureKeeping keeping{};   // of pictures, on the device
  MemoryPlan memory{};
  RunData data{};
};

// `training` is a Pretraining or a Finetuning; both outlive the task.
template <class Training>
TrainTask task_of(Training& training, typename Training::Batches& batches) {
  const auto batch = std::make_shared<typename Training::Batches::Batch>();
  return {.store = training.store,
          .optimizer = training.optimizer,
          .values = training.values,
          .names = Training::kNames,
          .views = Training::kViews,
          .load =
              [&batches, batch] {
                *batch = batches.next();
                return batch->images.raw();
              },
          .pass = [&training, batch] { training.pass(*batch); }};
}

// Runs from the folder's first step to the plan's end. Returns 0, or 75 when a signal asked to stop
// (state saved). Throws Error(divergence) that names the step when the loss is not finite;
// last.safetensors then holds an earlier step.
int train(const RunFolder& run, const TrainPlan& plan, TrainTask& task);

}  // namespace peclr
