// SPDX-License-Identifier: Apache-2.0
// Fine-tuning's network and what is done with a batch, on the run's device or on one that counts
// memory.
#pragma once
#include "models/hand_network.h"
#include "tools/run/model_files.h"
#include "tools/settings/engine_options.h"
#include "tools/trainer/pose_batches.h"

namespace peclr {

struct Finetuning {
  static constexpr Command kCommand = Command::finetune;
  static constexpr Need kNeed = Need::joints;
  using Batches = PoseBatches;
  static constexpr int kViews = 1;
  static constexpr std::array kNames{"loss", "uv_px", "z_rel", "root_depth"};

  // Places the arenas; weights are not drawn (ParameterStore::draw).
  Finetuning(const Settings& settings, Backend& backend)
      : network(store, settings.model.depth,
                settings.train.freeze == Settings::Freeze::encoder ? Encoder::frozen
                                                                   : Encoder::learned),
        optimizer(store.place(backend), optimizer_options(settings)),
        compute(compute_type(settings)),
        one(Tensor::from_host(backend, {1}, std::vector<float>{1})),
        values(backend, {kNames.size()}, DType::f32) {}

  // Its first weights, put over the drawn ones: those of settings.init_from, and where they
  // have no head, one that says the mean pose. Throws what start_from, require_unseen and mean_pose
  // throw.
  Start start(const Settings& settings, PictureFeed& feed);
  // A line for the log, before the first step.
  static std::string headline(const Settings& settings, const TrainPlan& plan);
  static Metadata metadata(const Settings& settings, const Start& start);  // of model.safetensors

  // Forward and backward; adds the batch's values to `values`. Can be recorded (Backend::record).
  void pass(const Batches::Batch& batch) {
    Tape tape(Mode::train);
    const HandNetwork::Output out =
        network.forward(tape, {batch.images, -1}, batch.cameras, compute);
    const ops::PoseLossValue loss =
        ops::pose_loss(tape, out.lifted.uv, out.lifted.z_rel, out.root, batch.target);
    tape.backward_from(loss.loss, one);
    values.backend().add(loss.parts, values);
  }

  ParameterStore store;
  HandNetwork network;
  Optimizer optimizer;
  DType compute;
  Tensor one, values;  // values [names] f32
};

}  // namespace peclr
