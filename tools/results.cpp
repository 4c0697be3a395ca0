// SPDX-License-Identifier: Apache-2.0
// Gathers fine-tuned and evaluated runs: one row a run, how it was pre-trained and how it scores.
#include <cmath>
#include <nlohmann/json.hpp>

#include "engine/atomic_file.h"
#include "engine/error.h"
#include "tools/commands.h"
#include "tools/report/runs.h"

namespace peclr {
namespace {

Run scored_run(const std::string& folder) {
  const Run run = read_run(folder);
  if (!run.training)
    fail(ErrorKind::data, "{}/config.yaml: not there; peclr finetune writes it", folder);
  if (!run.scores)
    fail(ErrorKind::data, "{}/scores.json: not there; peclr evaluate writes it", folder);
  return run;
}

nlohmann::ordered_json row_of(const Run& run) {
  nlohmann::ordered_json row{{"method", run.method},
                             {"label_fraction", run.settings.data.labels},
                             {"seed", run.settings.seed}};
  for (const ScoreField& field : kScoreFields)
    if (const double value = (*run.scores).*field.value; !field.optional || std::isfinite(value))
      row[field.key] = value;
  row["count"] = run.scores->count;
  return row;
}

}  // namespace

int run_results(const CommandLine& line) {
  std::vector<Run> runs;
  for (const std::string& folder : line.paths) runs.push_back(scored_run(folder));
  if (!line.out.empty()) {
    nlohmann::ordered_json rows = nlohmann::ordered_json::array();
    for (const Run& run : runs) rows.push_back(row_of(run));
    write_file_atomically(line.out, rows.dump(2) + "\n");
  }
  fmt::print("{:<10} {:>8} {:>5} {:>9} {:>7} {:>10} {:>7} {:>13} {:>8}\n", "method", "labels",
             "seed", "EPE cm", "AUC", "PA-EPE cm", "PA-AUC", "rigid PA-EPE", "2D px");
  for (const Run& run : runs) {
    const Scores& s = *run.scores;
    fmt::print("{:<10} {:>7.0f}% {:>5} {:>9.2f} {:>7.3f} {:>10.2f} {:>7.3f} {:>13.2f} {:>8.1f}\n",
               run.method, 100 * run.settings.data.labels, run.settings.seed, s.epe_cm, s.auc,
               s.pa_epe_cm, s.pa_auc, s.pa_rigid_epe_cm, s.epe_2d_px);
  }
  return 0;
}

}  // namespace peclr
