// SPDX-License-Identifier: Apache-2.0
// Small models with pictures made of noise, and steps of training as the trainer does them.
#pragma once
#include <memory>
#include <vector>

#include "engine/optimizer.h"
#include "engine/step_runner.h"
#include "models/contrastive_model.h"
#include "models/hand_network.h"
#include "tests/support/threads.h"
#include "tests/support/values.h"

namespace peclr::test {

struct TrainingOptions {
  std::uint64_t seed = 1;
  DType compute = DType::f32;
  int accumulate = 1;
  OptimizerKind optimizer = OptimizerKind::adam;
  StepRunner::Replay replay = StepRunner::Replay::where_possible;
};

inline constexpr std::int64_t kPictures = 4, kSide = 64;

// Steps as the trainer does them. forward(tape) gives the loss of a batch; step() returns the mean.
struct Steps {
  Steps(ParameterStore& trained, Optimizer& by, int batches, StepRunner::Replay replay)
      : store(trained), optimizer(by), accumulate(batches), runner(trained, replay) {
    Backend& backend = store.values().backend();
    one = plain(backend, {1}, {1});
    loss = Tensor(backend, {1}, DType::f32);
  }

  template <class Forward>
  float step(std::int64_t number, Forward forward) {
    optimizer.begin(1e-3, number, accumulate);
    for (int i = 0; i < accumulate; ++i) {
      const StepPart part{nullptr, i == 0, i + 1 == accumulate};
      runner.run(part, [&] { body(part, forward); });
    }
    const float sum = loss.to_host()[0];
    return sum / static_cast<float>(accumulate);
  }

  // What can be recorded of it.
  template <class Forward>
  void body(const StepPart& part, Forward forward) {
    if (part.first) {
      store.zero_grads();
      loss.backend().zero(loss);
    }
    Tape tape(Mode::train);
    const Variable value = forward(tape);
    tape.backward_from(value, one);
    loss.backend().add(value.value, loss);
    if (part.last) optimizer.apply();
  }

  ParameterStore& store;
  Optimizer& optimizer;
  int accumulate;
  StepRunner runner;
  Tensor one, loss;
};

// ResNet-18, 64 px, 2 x 4 views.
struct ContrastiveTraining {
  ContrastiveTraining(Backend& device, const TrainingOptions& wanted)
      : backend(device), options(wanted), model(store, {.depth = 18, .compute = wanted.compute}) {
    store.allocate(backend, options.seed);
    optimizer = std::make_unique<Optimizer>(
        store, OptimizerOptions{.kind = options.optimizer, .weight_decay = 1e-6f});
    steps = std::make_unique<Steps>(store, *optimizer, options.accumulate, options.replay);
    images = plain(backend, {2 * kPictures, kSide, kSide, 3},
                   random_values(2 * kPictures * kSide * kSide * 3, options.seed));
    views = plain(backend, {2 * kPictures, 4},
                  random_values(2 * kPictures * 4, options.seed + 1, 0.5f, 1.f));
  }

  float step(std::int64_t number) {
    return steps->step(number,
                       [&](Tape& tape) { return model.forward(tape, {images}, views).loss; });
  }

  Backend& backend;
  TrainingOptions options;
  ParameterStore store;
  ContrastiveModel model;
  std::unique_ptr<Optimizer> optimizer;
  std::unique_ptr<Steps> steps;
  Tensor images, views;
};

// ResNet-18, 64 px, 4 pictures; the loss of fine-tuning and one on the joints in space.
struct HandTraining {
  HandTraining(Backend& device, const TrainingOptions& wanted)
      : backend(device), options(wanted), model(store, 18) {
    store.allocate(backend, options.seed);
    optimizer = std::make_unique<Optimizer>(store, OptimizerOptions{.kind = options.optimizer});
    steps = std::make_unique<Steps>(store, *optimizer, options.accumulate, options.replay);
    images = plain(backend, {kPictures, kSide, kSide, 3},
                   random_values(kPictures * kSide * kSide * 3, options.seed));
    Doubles K;
    for (std::int64_t i = 0; i < kPictures; ++i)
      K.insert(K.end(), {100, 0, 32, 0, 100, 32, 0, 0, 1});
    cameras = plain(backend, {kPictures, 9}, K);
    target.uv = plain(backend, {kPictures, 21, 2}, random_values(kPictures * 42, 2, 0, 64));
    target.z_rel = plain(backend, {kPictures, 21}, random_values(kPictures * 21, 3));
    target.root_depth = plain(backend, {kPictures}, random_values(kPictures, 4, 8, 20));
  }

  Variable forward(Tape& tape) const {
    const auto out = model.forward(tape, {images}, cameras, options.compute);
    return ops::pose_loss(tape, out.lifted.uv, out.lifted.z_rel, out.root, target).loss;
  }
  float step(std::int64_t number) {
    return steps->step(number, [&](Tape& tape) { return forward(tape); });
  }

  Backend& backend;
  TrainingOptions options;
  ParameterStore store;
  HandNetwork model;
  std::unique_ptr<Optimizer> optimizer;
  std::unique_ptr<Steps> steps;
  Tensor images, cameras;
  ops::PoseTargets target;
};

}  // namespace peclr::test
