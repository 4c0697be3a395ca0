// SPDX-License-Identifier: Apache-2.0
#include "tools/commands.h"
#include "tools/trainer/pretraining.h"
#include "tools/trainer/run_training.h"

namespace peclr {

int run_pretrain(const CommandLine& line) { return run_training<Pretraining>(line); }

}  // namespace peclr
