// SPDX-License-Identifier: Apache-2.0
// The whole page, and the style sheet it carries.
#pragma once
#include <string>
#include <vector>

#include "tools/report/runs.h"

namespace peclr {

// Self-contained: pictures are data: URIs, charts are SVG, nothing is fetched, no script. Sections
// for which the runs have nothing are left out. Throws Error(data) that names a run's file which is
// not what it should be.
std::string report_page(const std::vector<Run>& runs);

extern const char* const kReportStyle;  // CSS

}  // namespace peclr
