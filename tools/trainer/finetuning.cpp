// SPDX-License-Identifier: Apache-2.0
#include "tools/trainer/finetuning.h"

#include "engine/say.h"
#include "tools/trainer/mean_pose.h"

namespace peclr {
namespace {

// A fresh head that says the mean pose from the start: pixels are numbers of tens, and a bias that
// has to walk there by Adam's small steps would spend a short run on it.
void start_at_mean_pose(const HandNetwork& network, ParameterStore& store, const MeanPose& mean) {
  std::vector<float> bias = network.head().bias->value.to_host();
  for (std::size_t j = 0; j < kJoints; ++j) {
    bias[3 * j] = mean.target.uv[j].x;
    bias[3 * j + 1] = mean.target.uv[j].y;
    bias[3 * j + 2] = mean.target.z_rel[j];
  }
  network.head().bias->value.copy_from_host(bias);
  network.residual().bias->value.copy_from_host({&mean.root_residual, 1});
  store.values_changed();
}

// Weights that have a head keep it: it goes on from what it knows of hands.
void go_on_from_head(const Settings& settings, const HandNetwork& network, ParameterStore& store,
                     int head_input) {
  require_unseen(settings);
  tell_of_other_views(settings);
  if (head_input == 0)
    say("  its head does not say how large its pictures were: {} px are taken\n",
        settings.model.input);
  if (head_input == 0 || head_input == settings.model.input) return;
  network.resize_pixels(store, head_input, settings.model.input);
  say("  its head spoke of pictures of {} px, now of {}\n", head_input, settings.model.input);
}

}  // namespace

Start Finetuning::start(const Settings& settings, PictureFeed& feed) {
  const Start start = start_from(settings, store);
  if (start.has_head)
    go_on_from_head(settings, network, store, start.head_input);
  else
    start_at_mean_pose(network, store, mean_pose(settings, feed));
  return start;
}

std::string Finetuning::headline(const Settings& settings, const TrainPlan& plan) {
  return fmt::format(
      "hand network, ResNet-{} at {} px on {} labelled pictures: {} steps of {} x {}",
      settings.model.depth, settings.model.input, plan.pictures, plan.steps,
      settings.train.batch_size, settings.train.accumulate);
}

Metadata Finetuning::metadata(const Settings& settings, const Start& start) {
  Metadata metadata = model_metadata(settings, start);
  metadata[kCropKey] = name_of(settings.data.crop);
  metadata[kBorderKey] = name_of(border_seen(settings));
  if (settings.train.freeze == Settings::Freeze::encoder)
    metadata[kFreezeKey] = name_of(settings.train.freeze);
  return metadata;
}

}  // namespace peclr
