// SPDX-License-Identifier: Apache-2.0
#include "tools/dry_run.h"

#include "engine/parallel.h"
#include "engine/text.h"

namespace peclr {

Settings settings_to_try(Command command, const CommandLine& line) {
  Settings settings = load_settings(command, line.settings);
  for (const std::string& told : idle_keys(command, line.settings, settings))
    fmt::print(stderr, "{}\n", told);
  set_threads(settings.threads);
  settings.threads = threads();
  settings.device = chosen_device(settings.device);
  return settings;
}

std::string DryRun::text() const {
  std::string text = settings_yaml(command, settings);
  const auto add = [&](const std::string& comment) { text += "# " + printable(comment) + "\n"; };
  add(device);
  for (const std::string& source : feed.sources()) add(source);
  const std::int64_t pictures = std::int64_t{settings.train.batch_size} * settings.train.accumulate;
  add(
      fmt::format("{} steps of {} pictures, {} an epoch of {} pictures; learning rate up to {:g}, "
                  "after {} steps of warm-up",
                  plan.steps, pictures, plan.steps_per_epoch, plan.pictures, plan.schedule.peak,
                  plan.schedule.warmup_steps));
  add(memory.summary());
  add(fmt::format("{} would hold the run; nothing was written", settings.out));
  return text;
}

}  // namespace peclr
