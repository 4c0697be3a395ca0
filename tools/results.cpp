// SPDX-License-Identifier: Apache-2.0
// Gathers fine-tuned and evaluated runs: one row a run, how it was pre-trained and how it scores.
#include <nlohmann/json.hpp>

#include <fstream>

#include "engine/atomic_file.h"
#include "engine/error.h"
#include "engine/safetensors.h"
#include "tools/commands.h"
#include "tools/model_files.h"

namespace peclr {
namespace {

using Json = nlohmann::ordered_json;

std::string read_text(const std::string& path, const char* made_by) {
  std::ifstream in(path, std::ios::binary);
  if (!in) fail(ErrorKind::data, "{}: not there; peclr {} writes it", path, made_by);
  return {std::istreambuf_iterator<char>(in), {}};
}

Json row_of(const std::string& run) {
  const std::string config = run + "/config.yaml";
  const Settings settings =
      settings_from_yaml(Command::finetune, read_text(config, "finetune"), config);
  const std::string pretraining = pretraining_of(TensorFile(run + "/model.safetensors"));
  Json row{{"method", pretraining == "none" ? "scratch" : pretraining},
           {"label_fraction", settings.data.labels},
           {"seed", settings.seed}};
  const std::string scores = run + "/scores.json";
  const Json parsed = Json::parse(read_text(scores, "evaluate"), nullptr, false);
  if (!parsed.is_object())
    fail(ErrorKind::data, "{}: not a JSON object; run peclr evaluate again", scores);
  row.update(parsed);
  return row;
}

double number(const Json& row, const char* key) {
  return row.contains(key) && row[key].is_number() ? row[key].get<double>() : NAN;
}

}  // namespace

int run_results(const CommandLine& line) {
  Json rows = Json::array();
  for (const std::string& run : line.paths) rows.push_back(row_of(run));
  if (!line.out.empty()) write_file_atomically(line.out, rows.dump(2) + "\n");
  fmt::print("{:<10} {:>8} {:>5} {:>9} {:>7} {:>10} {:>7} {:>13} {:>8}\n", "method", "labels",
             "seed", "EPE cm", "AUC", "PA-EPE cm", "PA-AUC", "rigid PA-EPE", "2D px");
  for (const Json& row : rows)
    fmt::print("{:<10} {:>7.0f}% {:>5} {:>9.2f} {:>7.3f} {:>10.2f} {:>7.3f} {:>13.2f} {:>8.1f}\n",
               row["method"].get<std::string>(), 100 * number(row, "label_fraction"),
               row["seed"].get<std::int64_t>(), number(row, "epe_cm"), number(row, "auc"),
               number(row, "pa_epe_cm"), number(row, "pa_auc"), number(row, "pa_rigid_epe_cm"),
               number(row, "epe_2d_px"));
  return 0;
}

}  // namespace peclr
