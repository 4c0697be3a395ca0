// SPDX-License-Identifier: Apache-2.0
// Gathers scored runs: one row a run, how it was pre-trained and how it scores, or one a group of
// seeds.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "engine/error.h"
#include "engine/files/atomic_file.h"
#include "engine/text.h"
#include "tools/commands.h"
#include "tools/report/score_tables.h"

namespace peclr {
namespace {

std::vector<Run> scored_runs(const std::vector<std::string>& folders) {
  std::vector<Run> runs = read_runs(folders);
  for (const Run& run : runs)
    if (!run.scores)
      fail(ErrorKind::data, "{}/scores.json: not there; peclr evaluate or score writes it",
           printable(run.folder));
  return runs;
}

nlohmann::ordered_json row_of(const Run& run) {
  nlohmann::ordered_json row{
      {"run", run.name}, {"method", run.method}, {"label_fraction", nullptr}, {"seed", nullptr}};
  if (!run.initial_weights.empty()) row["initial_weights"] = run.initial_weights;
  if (const auto finetuning = finetuning_of(run)) {
    row["label_fraction"] = finetuning->settings.data.labels;
    row["seed"] = finetuning->settings.seed;
  }
  for (const ScoreField& field : kScoreFields)
    if (const double value = (*run.scores).*field.value; !field.optional || std::isfinite(value))
      row[field.key] = value;
  row["count"] = run.scores->count;
  row["set"] = run.scores->set;
  row["holdout"] = run.scores->holdout;
  return row;
}

// As --out and csv have it, but for other weights, which their file tells apart.
std::string method_text(const Run& run) {
  return printable(run.method == "other" ? method_name(run.method, run.initial_weights)
                                         : run.method);
}

// A column of words at the end of the lines, for what differs between the runs.
struct EndColumn {
  const char* head;
  std::string (*text)(const Run&);
};
constexpr EndColumn kEndColumns[] = {
    {"run", [](const Run& run) { return printable(run.name); }},
    {"set", [](const Run& run) { return printable(run.scores->set); }},
    {"holdout", [](const Run& run) { return fmt::format("{}", run.scores->holdout); }}};

// Each run's words, below their heads.
std::vector<std::string> line_ends(const std::vector<Run>& runs) {
  std::vector<std::string> ends(runs.size() + 1);
  for (const auto& [head, text] : kEndColumns) {
    std::vector<std::string> words{head};
    for (const Run& run : runs) words.push_back(text(run));
    if (std::all_of(words.begin() + 1, words.end(), [&](auto& word) { return word == words[1]; }))
      continue;
    std::size_t width = 0;
    for (const std::string& word : words) width = std::max(width, word.size());
    for (std::size_t i = 0; i < ends.size(); ++i)
      ends[i] += fmt::format("  {:<{}}", words[i], width);
  }
  for (std::string& end : ends) end.erase(end.find_last_not_of(' ') + 1);
  return ends;
}

void print_text(const std::vector<Run>& runs) {
  std::size_t width = 10;
  for (const Run& run : runs) width = std::max(width, method_text(run).size());
  const std::vector<std::string> ends = line_ends(runs);
  fmt::print("{:<{}} {:>8} {:>5} {:>9} {:>7} {:>10} {:>7} {:>13} {:>8}{}\n", "method", width,
             "labels", "seed", "EPE cm", "AUC", "PA-EPE cm", "PA-AUC", "rigid PA-EPE", "2D px",
             ends[0]);
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const Run& run = runs[i];
    const Scores& s = *run.scores;
    const auto finetuning = finetuning_of(run);
    fmt::print("{:<{}} {:>8} {:>5} {:>9.2f} {:>7.3f} {:>10.2f} {:>7.3f} {:>13.2f} {:>8.1f}{}\n",
               method_text(run), width,
               finetuning ? fmt::format("{:.0f}%", 100 * finetuning->settings.data.labels) : "-",
               finetuning ? fmt::format("{}", finetuning->settings.seed) : "-", s.epe_cm, s.auc,
               s.pa_epe_cm, s.pa_auc, s.pa_rigid_epe_cm, s.epe_2d_px, ends[i + 1]);
  }
}

// As RFC 4180 has it, for the words among the cells.
std::string csv_word(const std::string& word) {
  if (word.find_first_of(",\"\r\n") == std::string::npos) return word;
  std::string quoted = "\"";
  for (const char c : word) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
}

std::string csv_number(double value) {
  return std::isfinite(value) ? fmt::format("{}", value) : "";
}

void print_csv(const std::vector<Run>& runs) {
  std::string text = "run,method,initial_weights,label_fraction,seed";
  for (const ScoreField& field : kScoreFields) text += fmt::format(",{}", field.key);
  text += ",count,set,holdout\n";
  for (const Run& run : runs) {
    const auto finetuning = finetuning_of(run);
    text += fmt::format("{},{},{},{},{}", csv_word(run.name), csv_word(run.method),
                        csv_word(run.initial_weights),
                        finetuning ? csv_number(finetuning->settings.data.labels) : "",
                        finetuning ? fmt::format("{}", finetuning->settings.seed) : "");
    for (const ScoreField& field : kScoreFields)
      text += "," + csv_number((*run.scores).*field.value);
    text += fmt::format(",{},{},{}\n", run.scores->count, csv_word(run.scores->set),
                        csv_number(run.scores->holdout));
  }
  fmt::print("{}", text);
}

void print_tables(const std::vector<Run>& runs, std::string (*text_of_table)(const Table&)) {
  const std::vector<Group> groups = group_runs(runs, is_scored);
  fmt::print("{}", text_of_table(score_table(groups)));
  if (const Table meshes = mesh_table(groups); !meshes.rows.empty())
    fmt::print("\n{}", text_of_table(meshes));
}

}  // namespace

int run_results(const CommandLine& line) {
  const std::vector<Run> runs = scored_runs(line.paths);
  if (!line.out.empty()) {
    nlohmann::ordered_json rows = nlohmann::ordered_json::array();
    for (const Run& run : runs) rows.push_back(row_of(run));
    write_file_atomically(line.out, rows.dump(2) + "\n");
  }
  if (line.format == "csv")
    print_csv(runs);
  else if (line.format == "markdown")
    print_tables(runs, markdown_of);
  else if (line.format == "latex")
    print_tables(runs, latex_of);
  else
    print_text(runs);
  return 0;
}

}  // namespace peclr
