// SPDX-License-Identifier: Apache-2.0
// What a training would do, told without doing it (tools/trainer/run_training.h): on stdout, as the
// settings in YAML with the rest in comments.
#pragma once
#include <string>

#include "tools/command_line.h"
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

}  // namespace peclr
