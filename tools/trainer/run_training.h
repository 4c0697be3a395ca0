// SPDX-License-Identifier: Apache-2.0
// A training T (Pretraining, Finetuning) from its command line to its exit code. A dry run starts
// as the run does, so that it refuses what the run would refuse.
#pragma once
#include <memory>
#include <utility>

#include "engine/files/folder.h"
#include "engine/say.h"
#include "tools/run/model_files.h"
#include "tools/run/run_folder.h"
#include "tools/settings/engine_options.h"
#include "tools/trainer/dry_run.h"
#include "tools/trainer/memory_plan.h"
#include "tools/trainer/picture_feed.h"
#include "tools/trainer/train_loop.h"
#include "tools/trainer/train_plan.h"

namespace peclr {

// What there must be before T is made. Throws what the members throw, in this order.
template <class T>
struct Prepared {
  Prepared(const Settings& settings, std::unique_ptr<Backend> device)
      : backend(std::move(device)),
        feed(settings, T::kNeed),
        keeping(keeping_of(settings, *backend)),
        plan(TrainPlan::of(settings.train, feed.pictures())),
        memory(memory_plan<T>(settings, *backend)) {
    memory.require();
  }

  std::unique_ptr<Backend> backend;
  PictureFeed feed;
  PictureKeeping keeping;
  TrainPlan plan;
  MemoryPlan memory;
};

template <class T>
int dry_run(const CommandLine& line) {
  const Settings asked = settings_to_try(T::kCommand, line);
  require_writable_folder(asked.out);
  require_room(asked.out, line);
  Settings settings = asked;
  settings.device = chosen_device(asked.device);
  Prepared<T> ready(settings, make_backend(settings));
  T training(settings, *ready.backend);
  training.store.draw(static_cast<std::uint64_t>(settings.seed));
  training.start(settings, ready.feed);
  const DryRun told{T::kCommand, asked,        ready.feed,
                    ready.plan,  ready.memory, ready.backend->description()};
  fmt::print("{}", told.text());
  return 0;
}

// Returns what train() does, or 0 after a dry run.
template <class T>
int run_training(const CommandLine& line) {
  if (line.dry_run) return dry_run<T>(line);
  RunFolder run(T::kCommand, line);
  const Settings& settings = run.settings();
  std::unique_ptr<Backend> backend = make_backend(settings);
  say("{}\n", backend->description());
  Prepared<T> ready(settings, std::move(backend));
  const RunData data{ready.plan.pictures, ready.feed.mark()};
  run.check_data(data);

  T training(settings, *ready.backend);
  training.store.draw(static_cast<std::uint64_t>(settings.seed));
  const Start start = run.stored() ? resume(*run.stored(), training.store, training.optimizer)
                                   : training.start(settings, ready.feed);
  run.forget_stored();

  say("{}\n", T::headline(settings, ready.plan));
  typename T::Batches batches(settings, ready.plan, run.first_step(), ready.feed, *ready.backend);
  TrainTask task = task_of(training, batches);
  task.model_metadata = T::metadata(settings, start);
  task.keeping = ready.keeping;
  task.memory = ready.memory;
  task.data = data;
  const int code = train(run, ready.plan, task);
  say("{}{}", ready.feed.kept_summary(), ready.feed.bad_summary());
  return code;
}

}  // namespace peclr
