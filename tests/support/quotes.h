// SPDX-License-Identifier: Apache-2.0
// Whether a page of documentation quotes a program's table.
#pragma once
#include <sstream>
#include <string>
#include <vector>

namespace peclr::test {

// The lines of `table` that `page` does not have, each at the start of a line.
inline std::vector<std::string> lines_missing(const std::string& page, const std::string& table) {
  std::vector<std::string> missing;
  std::istringstream lines(table);
  for (std::string line; std::getline(lines, line);)
    if (page.find("\n" + line) == page.npos) missing.push_back(line);
  return missing;
}

}  // namespace peclr::test
