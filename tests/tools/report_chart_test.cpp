// SPDX-License-Identifier: Apache-2.0
#include "tools/report/chart.h"

#include <catch2/catch.hpp>

namespace peclr {

TEST_CASE("report: a long label is cut between two characters", "[report]") {
  // The first 23 bytes stay: a character that begins within them stays only where it ends there.
  for (const std::string character : {"é", "手", "🖐"}) {
    CAPTURE(character);
    for (std::size_t before = 19; before <= 23; ++before) {
      const std::string start(before, 'a');
      Html html;
      write_chart(html,
                  {.lines = {{.label = start + character + "bcdefg", .line = {{0, 1}, {1, 2}}}}});
      const std::string page = html.page();
      CHECK(page.find("\\x") == std::string::npos);  // as Html shows stray bytes
      const bool whole = before + character.size() <= 23;
      CHECK(page.find(">" + start + (whole ? character : "...")) != std::string::npos);
    }
  }
}

}  // namespace peclr
