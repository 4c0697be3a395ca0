// SPDX-License-Identifier: Apache-2.0
// One page that shows runs of any kind.
#include "engine/error.h"
#include "engine/files/atomic_file.h"
#include "engine/say.h"
#include "engine/text.h"
#include "tools/commands.h"
#include "tools/report/page.h"

namespace peclr {

int run_report(const CommandLine& line) {
  const std::vector<Run> runs = read_runs(line.paths);
  const std::string page = report_page(runs);
  write_file_atomically(line.out, page);
  say("{}: {} runs, {:.1f} MB, to be opened by any browser\n", printable(line.out), runs.size(),
      static_cast<double>(page.size()) / 1e6);
  return 0;
}

}  // namespace peclr
