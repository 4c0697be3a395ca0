// SPDX-License-Identifier: Apache-2.0
// A table of the page.
#pragma once
#include <string>
#include <vector>

#include "tools/report/html.h"

namespace peclr {

using Cells = std::vector<std::string>;

struct Column {
  std::string head;
  bool number = false;
};

void write_table(Html& html, const std::vector<Column>& columns, const std::vector<Cells>& rows);

std::string shown_number(double x, int digits);  // empty where x is not finite

}  // namespace peclr
