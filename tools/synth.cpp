// SPDX-License-Identifier: Apache-2.0
#include "data/synthetic.h"

#include "engine/error.h"
#include "engine/say.h"
#include "tools/commands.h"
#include "tools/run/progress.h"

namespace peclr {

int run_synth(const CommandLine& line) {
  const int training = static_cast<int>(line.count), evaluation = evaluation_images(training);
  Progress progress(
      {.label = "synth", .steps = training + evaluation, .style = progress_style_of_stderr()});
  write_synthetic(line.out, training, static_cast<std::uint64_t>(line.seed),
                  [&](int done, int) { progress.update_count(done); });
  progress.finish();
  say("{} training and {} evaluation pictures in FreiHAND's layout: {}\n", training, evaluation,
      line.out);
  return 0;
}

}  // namespace peclr
