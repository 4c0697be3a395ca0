// SPDX-License-Identifier: Apache-2.0
#include "tools/trainer/dry_run.h"

#include "engine/text.h"
#include "tools/settings/engine_options.h"

namespace peclr {

Settings settings_to_try(Command command, const CommandLine& line) {
  const Settings settings = load_settings(command, line.settings);
  tell_of_idle_keys(command, line.settings, settings);
  return with_threads(settings);
}

std::string DryRun::text() const {
  std::string text = settings_yaml(command, asked);
  const auto add = [&](const std::string& comment) { text += "# " + printable(comment) + "\n"; };
  add(device);
  for (const std::string& source : feed.sources()) add(source);
  const std::int64_t pictures = std::int64_t{asked.train.batch_size} * asked.train.accumulate;
  add(
      fmt::format("{} steps of {} pictures, {} an epoch of {} pictures; learning rate up to {:g}, "
                  "after {} steps of warm-up",
                  plan.steps, pictures, plan.steps_per_epoch, plan.pictures, plan.schedule.peak,
                  plan.schedule.warmup_steps));
  add(memory.summary());
  add(fmt::format("{} would hold the run; nothing was written", asked.out));
  return text;
}

}  // namespace peclr
