// SPDX-License-Identifier: Apache-2.0
// Pre-training's model and what is done with a batch, on the run's device or on one that counts
// memory.
#pragma once
#include "models/contrastive_model.h"
#include "tools/run/model_files.h"
#include "tools/settings/engine_options.h"
#include "tools/trainer/contrastive_batches.h"

namespace peclr {

struct Pretraining {
  static constexpr Command kCommand = Command::pretrain;
  static constexpr Need kNeed = Need::pictures;
  using Batches = ContrastiveBatches;
  static constexpr int kViews = 2;  // of a picture
  // Of the values of a batch, the loss first.
  static constexpr std::array kNames{"loss", "positive_similarity", "negative_similarity", "top1",
                                     "embedding_spread"};

  // Places the arenas; weights are not drawn (ParameterStore::draw).
  Pretraining(const Settings& settings, Backend& backend)
      : model(store, {.depth = settings.model.depth,
                      .invert = inversion_of(settings),
                      .temperature = static_cast<float>(settings.temperature),
                      .compute = compute_type(settings)}),
        optimizer(store.place(backend), optimizer_options(settings)),
        one(Tensor::from_host(backend, {1}, std::vector<float>{1})),
        values(backend, {kNames.size()}, DType::f32) {}

  // Its first weights, put over the drawn ones: those of settings.init_from (start_from).
  Start start(const Settings& settings, PictureFeed& feed);
  // A line for the log, before the first step.
  static std::string headline(const Settings& settings, const TrainPlan& plan);
  static Metadata metadata(const Settings& settings, Start start);  // of model.safetensors

  // Forward and backward; adds the batch's values to `values`. Can be recorded (Backend::record).
  void pass(const Batches::Batch& batch) {
    Tape tape(Mode::train);
    const ContrastiveModel::Output out = model.forward(tape, {batch.images, -1}, batch.views);
    tape.backward_from(out.loss, one);
    values.backend().add(out.summary, values);
  }

  ParameterStore store;
  ContrastiveModel model;
  Optimizer optimizer;
  Tensor one, values;  // values [names] f32
};

}  // namespace peclr
