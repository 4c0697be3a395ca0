// SPDX-License-Identifier: Apache-2.0
#include "tools/report/probes.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <tuple>

#include "engine/text.h"
#include "tools/report/groups.h"
#include "tools/report/table.h"

namespace peclr {
namespace {

// "probe_2" and "probe-2" -> "probe"; other names stay.
std::string stem_of(const std::string& name) {
  const std::size_t end = name.find_last_not_of("0123456789");
  const bool numbered = end != std::string::npos && end > 0 && end + 1 < name.size() &&
                        (name[end] == '_' || name[end] == '-');
  return numbered ? name.substr(0, end) : name;
}

// Of probes of older versions it stands in the run's record alone.
std::string precision_of(const Run& run) {
  if (const auto it = run.probe->words.find("precision"); it != run.probe->words.end())
    return it->second;
  const auto record = run.records.find("probe");
  return record == run.records.end() ? "" : record->second.precision;
}

// What probes of several seeds have in common beside their results.
Entries sameness_of(const Run& run) {
  const Probe& probe = *run.probe;
  Entries entries{"precision=" + precision_of(run)};
  for (const char* key : {"depth", "input", "labels", "holdout"})
    if (std::isfinite(probe.at(key))) entries.insert(fmt::format("{}={}", key, probe.at(key)));
  std::string weights;
  for (const auto& [key, word] : probe.words) {
    if (key == "init_from") weights = word;
    if (key.ends_with("_set")) entries.insert(key + "=" + word);
  }
  add_start(entries, weights, probe.origin);
  return entries;
}

struct Key {
  std::string kind, stem, pretraining;
  Entries entries;
  auto operator<=>(const Key&) const = default;
};
using Members = std::vector<const Run*>;

std::string names_of(const Members& members) {
  std::vector<std::string> names;
  for (const Run* run : members) names.push_back(run->name);
  return joined(names, ", ");
}

using Probes = std::vector<const Probe*>;

// How many, and of how many seeds if that is another number.
std::string counted(const Probes& probes) {
  std::vector<SeedPair> seeds;
  for (const Probe* probe : probes) {
    const double seed = probe->at("seed");
    seeds.push_back(std::isfinite(seed) ? SeedPair({std::int64_t(seed), seed_of(probe->origin)})
                                        : std::nullopt);
  }
  return with_seeds(probes.size(), seed_count(seeds));
}

double mean_of(const Probes& probes, const char* key) {
  std::vector<double> values;
  for (const Probe* probe : probes) values.push_back(probe->at(key));
  return spread_of(values).mean;
}

// Mean and standard deviation over the runs.
std::string over_runs(const Probes& probes, const char* key, double unit, int digits) {
  std::vector<double> values;
  for (const Probe* probe : probes) values.push_back(unit * probe->at(key));
  return text_of(spread_of(values), digits);
}

// An accuracy in percent; a single run has the deviation over its folds.
std::string accuracy(const Probes& probes, const char* key, const char* over_folds) {
  if (probes.size() > 1) return over_runs(probes, key, 100, 1);
  return text_of({100 * probes[0]->at(key), 100 * probes[0]->at(over_folds), 2}, 1);
}

// As a run has it.
std::string start_name(const Probe& probe) {
  const auto word = [&](const char* key) {
    const auto it = probe.words.find(key);
    return it == probe.words.end() ? "" : it->second;
  };
  const std::string initial = word("initial_weights");
  return initial.empty() ? std::filesystem::path(word("init_from")).filename().string() : initial;
}

Cells joint_cells(const std::string& name, const Probes& probes) {
  return {name,
          method_name(probes[0]->pretraining, start_name(*probes[0])),
          counted(probes),
          over_runs(probes, "probe_2d_pct", 1, 2),
          over_runs(probes, "probe_2d_mean_pct", 1, 2),
          shown_number(mean_of(probes, "train"), 0),
          shown_number(mean_of(probes, "test"), 0)};
}

Cells class_cells(const std::string& name, const Probes& probes) {
  return {name,
          method_name(probes[0]->pretraining, start_name(*probes[0])),
          counted(probes),
          accuracy(probes, "linear_accuracy", "linear_std"),
          accuracy(probes, "knn5_accuracy", "knn5_std"),
          shown_number(100 * mean_of(probes, "chance_accuracy"), 1),
          shown_number(mean_of(probes, "classes"), 0),
          shown_number(mean_of(probes, "count"), 0)};
}

}  // namespace

void write_probe_tables(Html& html, const std::vector<Run>& runs) {
  std::map<Key, Members> groups;
  for (const Run& run : runs)
    if (run.probe)
      groups[{run.probe->kind, stem_of(run.name), run.probe->pretraining, sameness_of(run)}]
          .push_back(&run);
  if (groups.empty()) return;

  std::vector<Cells> joints, classes;
  for (const auto& [key, members] : groups) {
    const auto alike = std::count_if(groups.begin(), groups.end(), [&](const auto& other) {
      return std::tie(other.first.kind, other.first.stem, other.first.pretraining) ==
             std::tie(key.kind, key.stem, key.pretraining);
    });
    const std::string name = alike == 1 ? key.stem : names_of(members);
    Probes probes;
    for (const Run* run : members) probes.push_back(&*run->probe);
    if (key.kind == "joints")
      joints.push_back(joint_cells(name, probes));
    else
      classes.push_back(class_cells(name, probes));
  }
  html.leaf("h2", "Probes of frozen features");
  if (!joints.empty()) {
    write_table(html, {{{"probe"},
                        {"weights"},
                        {"n", true},
                        {"2D error (% of the crop's side)", true},
                        {"always the mean pose (%)", true},
                        {"training pictures", true},
                        {"test pictures", true}},
                       joints});
    html.leaf("p", {{"class", "note"}},
              "Ridge regression from frozen features to the 2D joints of turned and moved crops; "
              "mean ± standard deviation over n runs.");
  }
  if (classes.empty()) return;
  write_table(html, {{{"probe"},
                      {"weights"},
                      {"n", true},
                      {"linear (%)", true},
                      {"5 nearest (%)", true},
                      {"chance (%)", true},
                      {"classes", true},
                      {"pictures", true}},
                     classes});
  html.leaf("p", {{"class", "note"}},
            "Accuracy, mean ± standard deviation over n runs, of a single one over its contiguous "
            "folds; people may overlap between folds.");
}

}  // namespace peclr
