// SPDX-License-Identifier: Apache-2.0
// Scores of groups of runs, a row each: mean and standard deviation over a group's runs.
#pragma once
#include "tools/report/groups.h"
#include "tools/report/table.h"

namespace peclr {

// Joints. Columns of what older versions did not measure are left out where no run has them.
Table score_table(const std::vector<Group>& scored);
// Meshes, of the groups that have them; no rows where none has.
Table mesh_table(const std::vector<Group>& scored);

// The page's sections of them; that of meshes where any is known.
void write_results_table(Html& html, const std::vector<Group>& scored);
void write_mesh_table(Html& html, const std::vector<Group>& scored);

}  // namespace peclr
