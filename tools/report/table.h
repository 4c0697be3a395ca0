// SPDX-License-Identifier: Apache-2.0
// A table, as the page has it and to be pasted.
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

struct Table {
  std::vector<Column> columns;
  std::vector<Cells> rows;
};

void write_table(Html& html, const Table& table);

// The same to paste elsewhere: GitHub's Markdown, and a tabular for LaTeX with booktabs' rules.
std::string markdown_of(const Table& table);
std::string latex_of(const Table& table);

std::string shown_number(double x, int digits);  // empty where x is not finite

}  // namespace peclr
