// SPDX-License-Identifier: Apache-2.0
#include "engine/error.h"
#include "tools/commands.h"
namespace peclr {
int run_probe(const CommandLine&) { fail(ErrorKind::usage, "probe: in work"); }
}  // namespace peclr
