// SPDX-License-Identifier: Apache-2.0
// What a training would do, told without doing it: what its start may refuse of settings, data,
// weights and memory is refused, and nothing is written. On stdout, as the settings in YAML with
// the rest in comments.
#pragma once
#include <string>

#include "tools/command_line.h"
#include "tools/run/model_files.h"
#include "tools/settings/engine_options.h"
#include "tools/trainer/memory_plan.h"
#include "tools/trainer/picture_feed.h"
#include "tools/trainer/train_plan.h"

namespace peclr {

// As config.yaml would have them: threads resolved, device as it is asked for.
Settings settings_to_try(Command command, const CommandLine& line);

struct DryRun {
  Command command;
  const Settings& asked;
  const PictureFeed& feed;
  const TrainPlan& plan;
  const MemoryPlan& memory;
  std::string device;

  std::string text() const;
};

template <class Training>
int dry_run(Command command, Need need, const CommandLine& line) {
  const Settings asked = settings_to_try(command, line);
  Settings settings = asked;
  settings.device = chosen_device(asked.device);
  const std::unique_ptr<Backend> backend = make_backend(settings);
  const PictureFeed feed(settings, need);
  const TrainPlan plan = TrainPlan::of(settings.train, feed.pictures());
  const MemoryPlan memory = memory_plan<Training>(settings, *backend);
  memory.require();
  Training training(settings, *backend);
  const Start start = start_from(settings, training.store);
  if (need == Need::joints && start.has_head) require_unseen(settings);
  fmt::print("{}", DryRun{command, asked, feed, plan, memory, backend->description()}.text());
  return 0;
}

}  // namespace peclr
