// SPDX-License-Identifier: Apache-2.0
// The sections of the page that are tables: results, machines, commands and settings.
#pragma once
#include "tools/report/groups.h"
#include "tools/report/html.h"

namespace peclr {

void write_results_table(Html& html, const std::vector<Group>& scored);
void write_mesh_table(Html& html, const std::vector<Group>& scored);  // where any is known
void write_machines(Html& html, const std::vector<Run>& runs);
void write_settings(Html& html, const std::vector<Run>& runs);

}  // namespace peclr
