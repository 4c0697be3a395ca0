// SPDX-License-Identifier: Apache-2.0
// The section of the probes: what frozen features know.
#pragma once
#include "tools/report/html.h"
#include "tools/report/runs.h"

namespace peclr {

// Probes whose folders' names differ in a number at the end (probe_1, probe_2, ...) share a row.
void write_probe_tables(Html& html, const std::vector<Run>& runs);

}  // namespace peclr
