// SPDX-License-Identifier: Apache-2.0
#include "tools/commands.h"
#include "tools/trainer/dry_run.h"
#include "tools/trainer/hand_training.h"
#include "tools/trainer/train_loop.h"

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
    fmt::print(stderr, "  its head does not say how large its pictures were: {} px are taken\n",
               settings.model.input);
  if (head_input == 0 || head_input == settings.model.input) return;
  network.resize_pixels(store, head_input, settings.model.input);
  fmt::print(stderr, "  its head spoke of pictures of {} px, now of {}\n", head_input,
             settings.model.input);
}

}  // namespace

int run_finetune(const CommandLine& line) {
  if (line.dry_run) return dry_run<HandTraining>(Command::finetune, Need::joints, line);
  RunFolder run(Command::finetune, line);
  const Settings& settings = run.settings();
  const std::unique_ptr<Backend> backend = make_backend(settings);
  fmt::print(stderr, "{}\n", backend->description());
  PictureFeed feed(settings, Need::joints);
  const PictureKeeping keeping = keeping_of(settings, *backend);
  const TrainPlan plan = TrainPlan::of(settings.train, feed.pictures());
  run.check_pictures(feed.pictures());

  const MemoryPlan memory = memory_plan<HandTraining>(settings, *backend);
  memory.require();
  HandTraining training(settings, *backend);
  training.store.draw(static_cast<std::uint64_t>(settings.seed));
  std::string pretraining = "none", initial;
  if (run.stored()) {
    load_training(*run.stored(), training.store, training.optimizer);
    pretraining = pretraining_of(*run.stored());
    initial = initial_weights_of(*run.stored());
  } else {
    const Start start = start_from(settings, training.store);
    pretraining = start.pretraining;
    initial = start.initial;
    if (start.has_head)
      go_on_from_head(settings, training.network, training.store, start.head_input);
    else
      start_at_mean_pose(training.network, training.store, mean_pose(settings, feed));
  }
  run.forget_stored();

  fmt::print(stderr,
             "hand network, ResNet-{} at {} px on {} labelled pictures: {} steps of {} x {}\n",
             settings.model.depth, settings.model.input, feed.pictures(), plan.steps,
             settings.train.batch_size, settings.train.accumulate);
  PoseBatches batches(settings, plan, run.first_step(), feed, *backend);
  TrainTask task = task_of(training, batches);
  task.model_metadata = model_metadata(settings, pretraining, initial);
  task.model_metadata[kCropKey] = name_of(settings.data.crop);
  task.model_metadata[kBorderKey] = name_of(border_seen(settings));
  if (settings.train.freeze == Settings::Freeze::encoder)
    task.model_metadata[kFreezeKey] = name_of(settings.train.freeze);
  task.keeping = keeping;
  task.memory = memory;
  const int code = train(run, plan, task);
  fmt::print(stderr, "{}{}", feed.kept_summary(), feed.bad_summary());
  return code;
}

}  // namespace peclr
