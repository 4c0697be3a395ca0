// SPDX-License-Identifier: Apache-2.0
#include "tools/report/runs.h"

#include <fmt/chrono.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "engine/error.h"
#include "engine/files/file.h"
#include "engine/files/safetensors.h"
#include "engine/say.h"
#include "engine/text.h"
#include "models/metrics.h"
#include "tools/evaluation/scores.h"
#include "tools/run/model_files.h"

namespace peclr {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 30;
constexpr const char* kMarks[] = {"config.yaml", "scores.json", "probe.json", "predictions.json"};

bool there(const std::string& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

std::string text_of_file(const std::string& path) {
  return read_text_file(path, ErrorKind::data, kMostBytes);
}

Json read_object(const std::string& path, const char* made_by) {
  Json json = Json::parse(text_of_file(path), nullptr, false);
  if (!json.is_object())
    fail(ErrorKind::data, "{}: not a JSON object; run peclr {} again", printable(path), made_by);
  return json;
}

double number(const Json& json, const char* key) {
  const auto it = json.find(key);
  return it != json.end() && it->is_number() ? it->get<double>() : NAN;
}

std::string word(const Json& json, const char* key) {
  const auto it = json.find(key);
  return it != json.end() && it->is_string() ? it->get<std::string>() : "";
}

std::vector<double> curve(const Json& json, const char* key) {
  const auto it = json.find(key);
  if (it == json.end() || !it->is_array() || it->size() != kPckThresholds) return {};
  std::vector<double> values;
  for (const Json& value : *it) values.push_back(value.is_number() ? value.get<double>() : NAN);
  return values;
}

Settings settings_of(Command command, const std::string& yaml, const std::string& path) {
  try {
    return settings_from_yaml(command, yaml, path);
  } catch (const Error& e) {
    throw Error(ErrorKind::data, e.what());  // a file of a run, not what somebody typed
  }
}

// config.yaml holds the keys that matter to its command, and `method` matters to pre-training
// alone.
Command command_of(const std::string& yaml) {
  return yaml.find("\nmethod:") == std::string::npos ? Command::finetune : Command::pretrain;
}

// A path as a run's settings have it: relative to where the run was started, which is this folder
// or, if the file is not here, one of those that the run's folder lies in.
std::string found_file(const std::string& path, const std::string& folder) {
  if (path.empty() || fs::path(path).is_absolute() || there(path)) return path;
  std::error_code ignored;
  fs::path parent = fs::weakly_canonical(fs::absolute(folder), ignored);
  while (parent.has_relative_path()) {
    parent = parent.parent_path();
    if (there((parent / path).string())) return (parent / path).string();
  }
  return path;
}

// Of weights that the settings of a run in `folder` name.
std::optional<Origin> origin_of(const std::string& named, const std::string& folder) {
  const std::string weights = found_file(named, folder);
  const std::string config = (fs::path(weights).parent_path() / "config.yaml").string();
  if (weights.empty() || !there(config)) return std::nullopt;
  const std::string yaml = text_of_file(config);
  const Command command = command_of(yaml);
  return Origin{command, settings_of(command, yaml, config)};
}

std::optional<Network> network_of(const std::string& named, const std::string& folder) {
  const std::optional<Origin> own = origin_of(named, folder);
  if (!own || own->command != Command::finetune) return std::nullopt;
  const std::string at = fs::path(found_file(named, folder)).parent_path().string();
  return Network{own->settings, origin_of(own->settings.init_from, at)};
}

Scores read_scores(const std::string& path) {
  const Json json = read_object(path, "evaluate");
  Scores scores;
  for (const ScoreField& field : kScoreFields)
    if (!field.optional || json.contains(field.key)) scores.*field.value = number(json, field.key);
  if (const double count = number(json, "count"); count > 0 && count < 1e15)
    scores.count = static_cast<std::int64_t>(count);
  if (json.contains("holdout")) scores.holdout = number(json, "holdout");
  scores.pretraining = word(json, "weights");
  scores.predictions = word(json, "predictions");
  scores.set = word(json, "set");
  scores.init_from = word(json, "init_from");
  scores.initial_weights = word(json, "initial_weights");
  for (const char* key : kAskedWith)
    if (json.contains(key)) scores.settings[key] = word(json, key);
  scores.pck = curve(json, "pck");
  scores.pa_pck = curve(json, "pa_pck");
  return scores;
}

Probe read_probe(const std::string& path, const std::string& folder) {
  const Json json = read_object(path, "probe");
  Probe probe{word(json, "kind"), word(json, "weights"), {}, {}, {}};
  for (const auto& [key, value] : json.items()) {
    if (value.is_number()) probe.numbers[key] = value.get<double>();
    if (value.is_string()) probe.words[key] = value.get<std::string>();
  }
  probe.origin = origin_of(word(json, "init_from"), folder);
  return probe;
}

Metrics read_metrics(const std::string& path) {
  const std::string text = text_of_file(path);
  Metrics metrics;
  std::int64_t number_of_line = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const Json json = Json::parse(text.substr(begin, end - begin), nullptr, false);
    begin = end + 1;
    ++number_of_line;
    const double step = json.is_object() ? number(json, "step") : NAN;
    if (!std::isfinite(step)) {
      if (begin >= text.size()) break;  // a killed run's last line
      fail(ErrorKind::data, "{}:{}: not a JSON object with a step; remove the line",
           printable(path), number_of_line);
    }
    for (const auto& [key, value] : json.items())
      if (value.is_number() && key != "step") metrics[key].push_back({step, value.get<double>()});
  }
  return metrics;
}

// The weights that it left, read only where scores.json does not say where they come from.
std::optional<TensorFile> own_weights(const Run& run) {
  if (run.scores && !run.scores->pretraining.empty()) return std::nullopt;
  for (const char* file : {"/model.safetensors", "/last.safetensors"})
    if (there(run.folder + file)) return TensorFile(run.folder + file);
  return std::nullopt;
}

std::string method_of(const Run& run, const std::optional<TensorFile>& weights) {
  const auto named = [](const std::string& pretraining) {
    return pretraining == "none" ? "scratch" : pretraining;
  };
  if (run.training == Command::pretrain) return name_of(run.settings.method);
  if (run.scores && !run.scores->pretraining.empty()) return named(run.scores->pretraining);
  if (weights) return named(pretraining_of(*weights));
  if (!run.training) return run.scores ? run.scores->predictions : "";
  return run.settings.init_from.empty() ? "scratch" : "other";
}

std::string start_name(const Run& run, const std::optional<TensorFile>& weights) {
  if (run.scores && !run.scores->initial_weights.empty()) return run.scores->initial_weights;
  if (weights)
    if (const std::string stored = initial_weights_of(*weights); !stored.empty()) return stored;
  if (run.method != "other") return "";
  const Settings& settings = run.network ? run.network->settings : run.settings;
  return printable(fs::path(settings.init_from).filename().string());
}

std::string date_of(const Run& run) {
  std::string first;
  for (const auto& [command, record] : run.records)
    if (record.started.size() >= 16 && (first.empty() || record.started < first))
      first = record.started;
  if (!first.empty()) return first.substr(0, 10) + " " + first.substr(11, 5) + " UTC";
  for (const char* file : kMarks) {
    std::error_code error;
    const auto time = fs::last_write_time(run.folder + "/" + file, error);
    if (error) continue;
    const auto system = std::chrono::time_point_cast<std::chrono::system_clock::duration>(
        std::chrono::file_clock::to_sys(time));
    return fmt::format("{:%Y-%m-%d %H:%M} UTC",
                       fmt::gmtime(std::chrono::system_clock::to_time_t(system)));
  }
  return "";
}

// The folders in their order, each by the first of its names.
std::vector<std::string> once_each(const std::vector<std::string>& folders) {
  std::vector<std::string> once;
  std::set<fs::path> seen;
  for (const std::string& folder : folders) {
    std::error_code ignored;
    if (seen.insert(fs::weakly_canonical(fs::absolute(folder) / ".", ignored)).second)
      once.push_back(folder);
    else
      say("{}: given twice, counted once\n", printable(folder));
  }
  return once;
}

}  // namespace

Run read_run(const std::string& folder) {
  Run run;
  run.folder = folder;
  while (run.folder.size() > 1 && run.folder.back() == '/') run.folder.pop_back();
  const auto path = [&](const char* file) { return run.folder + "/" + file; };
  if (std::none_of(std::begin(kMarks), std::end(kMarks),
                   [&](const char* file) { return there(path(file)); }))
    fail(ErrorKind::data, "{}: no run's folder: it holds none of {}; give the out of a run",
         printable(folder), joined(kMarks, ", "));
  if (const std::string config = path("config.yaml"); there(config)) {
    run.config = text_of_file(config);
    run.training = command_of(run.config);
    run.settings = settings_of(*run.training, run.config, config);
    run.origin = origin_of(run.settings.init_from, run.folder);
  }
  if (there(path("metrics.jsonl"))) run.metrics = read_metrics(path("metrics.jsonl"));
  if (there(path("scores.json"))) run.scores = read_scores(path("scores.json"));
  if (run.scores && !run.training) run.network = network_of(run.scores->init_from, run.folder);
  if (there(path("probe.json"))) run.probe = read_probe(path("probe.json"), run.folder);
  run.predicted = there(path("predictions.json"));
  run.records = read_run_records(run.folder);
  const std::optional<TensorFile> weights = own_weights(run);
  run.method = method_of(run, weights);
  run.initial_weights = start_name(run, weights);
  run.date = date_of(run);
  return run;
}

std::vector<Run> read_runs(const std::vector<std::string>& folders) {
  std::vector<Run> runs;
  for (const std::string& folder : once_each(folders)) runs.push_back(read_run(folder));
  const auto last_part = [](const Run& run) { return fs::path(run.folder).filename().string(); };
  for (Run& run : runs) {
    const bool alone = std::count_if(runs.begin(), runs.end(), [&](const Run& other) {
                         return last_part(other) == last_part(run);
                       }) == 1;
    run.name = alone && !last_part(run).empty() ? last_part(run) : run.folder;
  }
  return runs;
}

}  // namespace peclr
