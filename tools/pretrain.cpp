// SPDX-License-Identifier: Apache-2.0
#include "models/peclr.h"
#include "tools/batches.h"
#include "tools/commands.h"
#include "tools/model_files.h"
#include "tools/train_loop.h"

namespace peclr {

int run_pretrain(const CommandLine& line) {
  RunFolder run(Command::pretrain, line);
  const Settings& settings = run.settings();
  const std::unique_ptr<Backend> backend = make_backend(settings);
  fmt::print(stderr, "{}\n", backend->description());
  PictureFeed feed(settings, Need::pictures);
  const PictureKeeping keeping = keeping_of(settings, *backend);
  const TrainPlan plan = TrainPlan::of(settings.train, feed.pictures());
  run.check_pictures(feed.pictures());

  const bool peclr = settings.method == Settings::Method::peclr;
  ParameterStore store;
  const ContrastiveModel model(store, {.depth = settings.model.depth,
                                       .invert = inversion_of(settings),
                                       .temperature = static_cast<float>(settings.temperature),
                                       .compute = compute_type(settings)});
  store.allocate(*backend, static_cast<std::uint64_t>(settings.seed));
  Optimizer optimizer(store, optimizer_options(settings));
  if (run.stored())
    load_training(*run.stored(), store, optimizer);
  else
    start_from(settings, store);
  run.forget_stored();

  fmt::print(stderr, "{} ResNet-{} at {} px on {} pictures: {} steps of {} x {} pictures\n",
             peclr ? "PeCLR" : "SimCLR", settings.model.depth, settings.model.input,
             feed.pictures(), plan.steps, settings.train.batch_size, settings.train.accumulate);
  ContrastiveBatches batches(settings, plan, run.first_step(), feed, *backend);
  ContrastiveBatches::Batch batch;
  const Tensor one = Tensor::from_host(*backend, {1}, std::vector<float>{1});
  TrainTask task{
      .store = store,
      .optimizer = optimizer,
      .model_metadata = model_metadata(settings, peclr ? "peclr" : "simclr"),
      .device = backend->description(),
      .keeping = keeping,
      .images = 2 * settings.train.batch_size,
      .names = {"loss", "positive_similarity", "negative_similarity", "top1", "embedding_spread"},
      .values = Tensor(*backend, {5}, DType::f32)};
  task.load = [&] {
    batch = batches.next();
    return batch.images.raw();
  };
  task.pass = [&] {
    Tape tape(Mode::train);
    const ContrastiveModel::Output out = model.forward(tape, {batch.images, -1}, batch.views);
    tape.backward_from(out.loss, one);
    backend->add(out.summary, task.values);
  };
  const int code = train(run, plan, task);
  fmt::print(stderr, "{}{}", feed.kept_summary(), feed.bad_summary());
  return code;
}

}  // namespace peclr
