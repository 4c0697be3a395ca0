// SPDX-License-Identifier: Apache-2.0
// The sections that say how the runs were made: machines, commands and settings.
#pragma once
#include "tools/report/html.h"
#include "tools/report/runs.h"

namespace peclr {

void write_machines(Html& html, const std::vector<Run>& runs);
void write_settings(Html& html, const std::vector<Run>& runs);

}  // namespace peclr
