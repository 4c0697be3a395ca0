// SPDX-License-Identifier: Apache-2.0
// What the page says in words: its title, what was run, and one honest sentence.
#pragma once
#include <string>
#include <vector>

#include "tools/report/groups.h"

namespace peclr {

std::string title_of(const std::vector<Run>& runs);
std::string summary_of(const std::vector<Run>& runs);  // "3 fine-tunings; ResNet-18 at 64 px; ..."

// Which method has the lowest PA-EPE among those that were scored alike, and whether its lead is
// more than the spread over seeds. It never says more than the numbers do: with one seed the spread
// is not known.
std::string headline_of(const std::vector<Run>& runs);

}  // namespace peclr
