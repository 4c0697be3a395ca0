// SPDX-License-Identifier: Apache-2.0
#include "tools/report/table.h"

#include <fmt/format.h>

#include <cmath>

namespace peclr {

void write_table(Html& html, const Table& table) {
  const auto align = [&](std::size_t i) { return table.columns[i].number ? "number" : "word"; };
  html.in("div", {{"class", "scroll"}}, [&] {
    html.in("table", {}, [&] {
      html.in("thead", {}, [&] {
        html.in("tr", {}, [&] {
          for (std::size_t i = 0; i < table.columns.size(); ++i)
            html.leaf("th", {{"class", align(i)}, {"scope", "col"}}, table.columns[i].head);
        });
      });
      html.in("tbody", {}, [&] {
        for (const Cells& cells : table.rows)
          html.in("tr", {}, [&] {
            for (std::size_t i = 0; i < cells.size(); ++i)
              html.leaf("td", {{"class", align(i)}}, cells[i]);
          });
      });
    });
  });
}

std::string shown_number(double x, int digits) {
  return std::isfinite(x) ? fmt::format("{:.{}f}", x, digits) : "";
}

}  // namespace peclr
