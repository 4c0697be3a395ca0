// SPDX-License-Identifier: Apache-2.0
// What pre-training does with a batch, on random pictures: forward, inversion, NT-Xent, backward
// and optimiser. Augmentation apart.
#pragma once
#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "engine/optimizer.h"
#include "engine/step_runner.h"
#include "kernels/random.h"
#include "models/contrastive_model.h"

namespace peclr {

class PeclrStep {
 public:
  struct Options {
    int depth = 50, size = 128, views = 64;  // of the ResNet; pixels a side; a step
    DType compute = DType::f32;
  };

  PeclrStep(Backend& backend, const Options& options)
      : model_(store_, {.depth = options.depth, .compute = options.compute}) {
    store_.allocate(backend, 1);
    optimizer_.emplace(store_, OptimizerOptions{OptimizerKind::lars, 1e-6f});
    Rng rng = Rng::of(2);
    images_ = backend.pictures(options.views, options.size, options.compute);
    const std::int64_t channels = images_.shape().last();
    std::vector<float> pixels(static_cast<std::size_t>(images_.count()));
    for (std::size_t i = 0; i < pixels.size(); ++i)
      if (static_cast<std::int64_t>(i) % channels < 3) pixels[i] = rng.uniform(-2, 2);
    images_.copy_from_host(pixels);
    std::vector<float> transforms;
    for (int i = 0; i < options.views; ++i)
      for (const float value : {rng.uniform(-45, 45), rng.uniform(-.1f, 0), rng.uniform(-.1f, 0),
                                rng.uniform(.8f, 1.2f)})
        transforms.push_back(value);
    views_ = Tensor::from_host(backend, {options.views, 4}, transforms);
    one_ = Tensor::from_host(backend, {1}, std::vector<float>{1});
    loss_ = Tensor(backend, {1}, DType::f32);
    for (auto& copy : copies_) copy = backend.host_copy(1);
  }

  // Asks for a step as the trainer does, recorded where the device can; its loss is on its way to
  // what is returned, which the step after next takes again.
  HostCopy& queue() {
    optimizer_->begin(1e-3, step_++);
    runner_.run({images_.raw(), true, true}, [this] {
      store_.zero_grads();
      Tape tape(Mode::train);
      const ContrastiveModel::Output out = model_.forward(tape, {images_, -1}, views_);
      tape.backward_from(out.loss, one_);
      loss_.backend().zero(loss_);
      loss_.backend().add(out.loss.value, loss_);
      optimizer_->apply();
    });
    HostCopy& copy = *copies_[static_cast<std::size_t>(step_ % 2)];
    copy.fetch(loss_);
    return copy;
  }
  // Done, on any device, when it returns the loss.
  float run() { return queue().wait()[0]; }

 private:
  ParameterStore store_;
  ContrastiveModel model_;
  StepRunner runner_{store_};
  std::optional<Optimizer> optimizer_;
  Tensor images_, views_, one_, loss_;
  std::array<std::unique_ptr<HostCopy>, 2> copies_;
  std::int64_t step_ = 0;
};

}  // namespace peclr
