// SPDX-License-Identifier: Apache-2.0
// What `peclr pretrain` does with a batch (tools/trainer/pretraining.h) and its optimiser's step,
// on random pictures. Augmentation apart.
#pragma once
#include <array>
#include <memory>
#include <vector>

#include "engine/step_runner.h"
#include "kernels/random.h"
#include "tools/trainer/pretraining.h"

namespace peclr::bench {

class PeclrStep {
 public:
  struct Options {
    int depth = 50, size = 128, views = 64;  // of the ResNet; pixels a side; a step
    DType compute = DType::f32;
  };

  PeclrStep(Backend& backend, const Options& options) : training_(settings_of(options), backend) {
    training_.store.draw(1);
    Rng rng = Rng::of(2);
    batch_.images = backend.pictures(options.views, options.size, options.compute);
    const std::int64_t channels = batch_.images.shape().last();
    std::vector<float> pixels(static_cast<std::size_t>(batch_.images.count()));
    for (std::size_t i = 0; i < pixels.size(); ++i)
      if (static_cast<std::int64_t>(i) % channels < 3) pixels[i] = rng.uniform(-2, 2);
    batch_.images.copy_from_host(pixels);
    std::vector<float> transforms;
    for (int i = 0; i < options.views; ++i)
      for (const float value : {rng.uniform(-45, 45), rng.uniform(-.1f, 0), rng.uniform(-.1f, 0),
                                rng.uniform(.8f, 1.2f)})
        transforms.push_back(value);
    batch_.views = Tensor::from_host(backend, {options.views, 4}, transforms);
    for (auto& copy : copies_) copy = backend.host_copy(training_.values.count());
  }

  // Asks for a step as the trainer does, recorded where the device can; its values, the loss first,
  // are on their way to what is returned, which the step after next takes again.
  HostCopy& queue() {
    training_.optimizer.begin(1e-3, step_++);
    runner_.run({batch_.images.raw(), true, true}, [this] {
      training_.store.zero_grads();
      training_.values.backend().zero(training_.values);
      training_.pass(batch_);
      training_.optimizer.apply();
    });
    HostCopy& copy = *copies_[static_cast<std::size_t>(step_ % 2)];
    copy.fetch(training_.values);
    return copy;
  }
  // Done, on any device, when it returns the loss.
  float run() { return queue().wait()[0]; }

 private:
  // The published recipe's, but for what is asked.
  static Settings settings_of(const Options& options) {
    Settings settings = default_settings(Command::pretrain);
    settings.model.depth = options.depth;
    settings.model.input = options.size;
    settings.precision =
        options.compute == DType::bf16 ? Settings::Precision::bf16 : Settings::Precision::f32;
    return settings;
  }

  Pretraining training_;
  Pretraining::Batches::Batch batch_;
  StepRunner runner_{training_.store};
  std::array<std::unique_ptr<HostCopy>, 2> copies_;
  std::int64_t step_ = 0;
};

}  // namespace peclr::bench
