// SPDX-License-Identifier: Apache-2.0
#include "tools/commands.h"
#include "tools/trainer/dry_run.h"
#include "tools/trainer/pretraining.h"
#include "tools/trainer/train_loop.h"

namespace peclr {

int run_pretrain(const CommandLine& line) {
  if (line.dry_run) return dry_run<Pretraining>(Command::pretrain, Need::pictures, line);
  RunFolder run(Command::pretrain, line);
  const Settings& settings = run.settings();
  const std::unique_ptr<Backend> backend = make_backend(settings);
  fmt::print(stderr, "{}\n", backend->description());
  PictureFeed feed(settings, Need::pictures);
  const PictureKeeping keeping = keeping_of(settings, *backend);
  const TrainPlan plan = TrainPlan::of(settings.train, feed.pictures());
  run.check_pictures(feed.pictures());

  const bool peclr = settings.method == Settings::Method::peclr;
  const MemoryPlan memory = memory_plan<Pretraining>(settings, *backend);
  memory.require();
  Pretraining training(settings, *backend);
  training.store.draw(static_cast<std::uint64_t>(settings.seed));
  std::string initial;
  if (run.stored()) {
    load_training(*run.stored(), training.store, training.optimizer);
    initial = initial_weights_of(*run.stored());
  } else {
    initial = start_from(settings, training.store).initial;
  }
  run.forget_stored();

  fmt::print(stderr, "{} ResNet-{} at {} px on {} pictures: {} steps of {} x {} pictures\n",
             peclr ? "PeCLR" : "SimCLR", settings.model.depth, settings.model.input,
             feed.pictures(), plan.steps, settings.train.batch_size, settings.train.accumulate);
  ContrastiveBatches batches(settings, plan, run.first_step(), feed, *backend);
  TrainTask task = task_of(training, batches);
  task.model_metadata = model_metadata(settings, name_of(settings.method), initial);
  task.keeping = keeping;
  task.memory = memory;
  const int code = train(run, plan, task);
  fmt::print(stderr, "{}{}", feed.kept_summary(), feed.bad_summary());
  return code;
}

}  // namespace peclr
