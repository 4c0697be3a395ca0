// SPDX-License-Identifier: Apache-2.0
// The section that shows pairs of views, and that their inversions cancel.
#pragma once
#include "tools/report/groups.h"
#include "tools/report/html.h"

namespace peclr {

// One sheet for the first run of each group.
void write_pair_sheets(Html& html, const std::vector<Group>& pretrained);

}  // namespace peclr
