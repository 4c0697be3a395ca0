// SPDX-License-Identifier: Apache-2.0
#include "tools/commands.h"
#include "tools/trainer/finetuning.h"
#include "tools/trainer/run_training.h"

namespace peclr {

int run_finetune(const CommandLine& line) { return run_training<Finetuning>(line); }

}  // namespace peclr
