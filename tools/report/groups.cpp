// SPDX-License-Identifier: Apache-2.0
#include "tools/report/groups.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <tuple>

#include "engine/text.h"
#include "tools/settings/settings_fields.h"

namespace peclr {
namespace {

namespace fs = std::filesystem;

// What stands in a column of its own, or says where and how a run was made.
const std::set<std::string> kPassedOver{"seed",   "threads",     "device",   "init_from",
                                        "method", "data.labels", "data.eval"};

void add_entries(Entries& entries, Command command, const Settings& settings,
                 const std::string& prefix) {
  for (const SettingField& field : setting_fields())
    if (field.matters_to(command) && decides_result(field.key) && !kPassedOver.contains(field.key))
      entries.insert(prefix + field.key + "=" + field.print(settings));
}

// Which of a run's files, where it is not the finished model: weights of an epoch, say.
void add_file(Entries& entries, const std::string& file, const std::string& prefix) {
  const std::string name = fs::path(file).filename().string();
  if (name != "model.safetensors") entries.insert(prefix + "weights=" + name);
}

// A file that weights came from: another program's by its content, where that is known, so that its
// place does not count. The name alone does not say whose it is: ours may have it, too.
std::string start_of(const Run& run, const std::string& path) {
  const std::string name = printable(fs::path(path).filename().string());
  const bool known = run.method == "other" && !path.empty();
  return known && run.initial_weights.starts_with(name + " ") ? run.initial_weights : path;
}

// What tells a network apart that was scored into a folder of its own: the fine-tuning beside it
// and which of that folder's files it is, or its path, or else the scores' own place.
void add_network(Entries& entries, const Run& run) {
  const std::string& file = run.scores->init_from;
  if (!run.network) {
    entries.insert(file.empty() ? "run=" + run.name : "init_from=" + start_of(run, file));
    return;
  }
  add_entries(entries, Command::finetune, run.network->settings, "");
  add_start(entries, run.network->settings.init_from, run.network->origin);
  add_file(entries, file, "");
}

bool same_folder(const fs::path& a, const fs::path& b) {
  std::error_code ignored;
  return fs::weakly_canonical(fs::absolute(a), ignored) ==
         fs::weakly_canonical(fs::absolute(b), ignored);
}

// What tells a network apart that was scored into the folder of a fine-tuning, where it is not the
// model that this left. A run that was moved still says where it lay.
void add_other_model(Entries& entries, const Run& run) {
  const fs::path file = run.scores->init_from;
  if (file.empty()) return;
  const fs::path folder = fs::absolute(file).parent_path();
  if (same_folder(folder, run.folder) || same_folder(folder, run.settings.out))
    add_file(entries, file.string(), "");
  else
    entries.insert("init_from=" + start_of(run, file.string()));
}

// How the network was asked, where that is not what evaluate does unless told otherwise.
void add_asked(Entries& entries, const Run& run) {
  Settings usual = default_settings(Command::evaluate);
  if (const std::optional<Finetuning> finetuning = finetuning_of(run)) {
    usual.data.crop = finetuning->settings.data.crop;
    usual.augment.border = finetuning->settings.augment.border;
  }
  // The first look that goes with the crop which was asked for.
  Settings::Data asked = usual.data;
  if (const auto it = run.scores->settings.find("data.crop"); it != run.scores->settings.end())
    asked.crop =
        it->second == name_of(Settings::Crop::box) ? Settings::Crop::box : Settings::Crop::hand;
  usual.data.first_crop = asked.first_share();
  for (const SettingField& field : setting_fields())
    if (const auto it = run.scores->settings.find(field.key);
        it != run.scores->settings.end() && it->second != field.print(usual))
      entries.insert("scored with " + field.key + "=" + it->second);
}

// "key=value" of all that may matter.
Entries entries_of(const Run& run) {
  Entries entries;
  if (run.training) add_entries(entries, *run.training, run.settings, "");
  add_start(entries, start_of(run, run.settings.init_from), run.origin);
  if (run.scores && !run.training) add_network(entries, run);
  if (run.scores && is_finetuning(run)) add_other_model(entries, run);
  if (run.scores) add_asked(entries, run);
  if (run.scores && !run.scores->set.empty()) entries.insert("data.eval=" + run.scores->set);
  if (run.scores && run.scores->holdout > 0)
    entries.insert(fmt::format("scored on data.holdout={}", run.scores->holdout));
  return entries;
}

int rank_of(const std::string& method) {
  constexpr const char* kOrder[] = {"scratch", "simclr", "peclr"};
  return static_cast<int>(std::find(std::begin(kOrder), std::end(kOrder), method) -
                          std::begin(kOrder));
}

struct Key {
  double labels;
  int rank;
  std::string method, initial;  // the latter of other weights alone, whose name it is part of
  Entries entries;
  auto operator<=>(const Key&) const = default;
};

std::string difference(const Entries& entries, const Entries& shared) {
  constexpr std::size_t kMost = 3;
  std::vector<std::string> own;
  std::set_difference(entries.begin(), entries.end(), shared.begin(), shared.end(),
                      std::back_inserter(own));
  std::string text;
  for (std::size_t i = 0; i < own.size() && i < kMost; ++i) text += (i ? ", " : "") + own[i];
  return own.size() > kMost ? text + ", ..." : text;
}

}  // namespace

void add_start(Entries& entries, const std::string& weights, const std::optional<Origin>& origin) {
  if (!origin) {
    if (!weights.empty()) entries.insert("init_from=" + weights);
    return;
  }
  const bool pretrained = origin->command == Command::pretrain;
  const std::string prefix = pretrained ? "pre-training " : "fine-tuning ";
  const Settings& settings = origin->settings;
  add_entries(entries, origin->command, settings, prefix);
  add_file(entries, weights, prefix);
  if (!pretrained)
    entries.insert(fmt::format("{}data.labels={}", prefix, settings.data.labels));
  else if (!settings.init_from.empty())
    entries.insert(prefix + "init_from=" + settings.init_from);
}

std::optional<Finetuning> finetuning_of(const Run& run) {
  if (is_finetuning(run)) return Finetuning{run.settings, run.origin};
  if (run.network) return Finetuning{run.network->settings, run.network->origin};
  return std::nullopt;
}

std::size_t seed_count(std::span<const SeedPair> seeds) {
  const std::set<SeedPair> distinct(seeds.begin(), seeds.end());
  const auto unknown = std::count(seeds.begin(), seeds.end(), SeedPair());
  return distinct.size() + static_cast<std::size_t>(std::max<std::ptrdiff_t>(unknown - 1, 0));
}

std::size_t seed_count(std::span<const Run* const> runs) {
  std::vector<SeedPair> seeds;
  for (const Run* run : runs) {
    const std::optional<Finetuning> finetuning = finetuning_of(*run);
    seeds.push_back(finetuning ? SeedPair({finetuning->settings.seed, seed_of(finetuning->origin)})
                               : std::nullopt);
  }
  return seed_count(seeds);
}

std::vector<Group> group_runs(const std::vector<Run>& runs,
                              const std::function<bool(const Run&)>& belongs) {
  std::map<Key, std::vector<const Run*>> grouped;
  for (const Run& run : runs) {
    if (!belongs(run)) continue;
    const std::optional<Finetuning> finetuning = finetuning_of(run);
    const double labels = finetuning ? finetuning->settings.data.labels : -1;
    const std::string initial = run.method == "other" ? run.initial_weights : "";
    grouped[{labels, rank_of(run.method), run.method, initial, entries_of(run)}].push_back(&run);
  }
  const auto column = [](const Key& key) {
    return std::tuple(key.method, key.initial, key.labels);
  };
  std::map<std::tuple<std::string, std::string, double>, Entries> shared;
  for (const auto& [key, ignored] : grouped) {
    const auto [at, is_new] = shared.emplace(column(key), key.entries);
    if (!is_new) std::erase_if(at->second, [&](auto& e) { return !key.entries.contains(e); });
  }
  std::vector<Group> groups;
  std::map<std::string, int> extra;  // colours beyond the three methods
  for (const auto& [key, members] : grouped) {
    Group group{method_name(key.method, members.front()->initial_weights),
                difference(key.entries, shared.at(column(key))), key.labels < 0 ? NAN : key.labels,
                0, members};
    const bool plain = key.rank < 3 && group.differing.empty();
    const int next = static_cast<int>(extra.size()) % (kColours - 3) + 3;
    group.colour = plain ? key.rank : extra.emplace(group.label(), next).first->second;
    groups.push_back(std::move(group));
  }
  return groups;
}

std::vector<std::vector<Group>> by_labels(const std::vector<Group>& groups) {
  std::vector<std::vector<Group>> parts;
  for (const Group& group : groups) {
    const bool same = !parts.empty() && percent(parts.back()[0].labels) == percent(group.labels);
    if (!same) parts.emplace_back();
    parts.back().push_back(group);
  }
  return parts;
}

bool is_pretraining(const Run& run) { return run.training == Command::pretrain; }
bool is_finetuning(const Run& run) { return run.training == Command::finetune; }
bool is_scored(const Run& run) { return run.scores.has_value(); }

std::string method_name(const std::string& method, const std::string& initial_weights) {
  if (method == "peclr") return "PeCLR";
  if (method == "simclr") return "SimCLR";
  if (method == "other")
    return "other weights" + (initial_weights.empty() ? "" : " (" + initial_weights + ")");
  return method.empty() ? "unknown" : method;
}

std::string with_seeds(std::size_t runs, std::size_t seeds) {
  return seeds == runs ? fmt::format("{}", runs)
                       : fmt::format("{} ({} seed{})", runs, seeds, seeds == 1 ? "" : "s");
}

std::string percent(double fraction) {
  return std::isfinite(fraction) ? fmt::format("{:.3g}\u00A0%", 100 * fraction) : "";
}

Spread spread_of(std::span<const double> values) {
  Spread spread;
  double sum = 0, squares = 0;
  for (const double x : values)
    if (std::isfinite(x)) sum += x, ++spread.count;
  if (spread.count == 0) return spread;
  spread.mean = sum / spread.count;
  for (const double x : values)
    if (std::isfinite(x)) squares += (x - spread.mean) * (x - spread.mean);
  if (spread.count > 1) spread.deviation = std::sqrt(squares / (spread.count - 1));
  return spread;
}

Spread spread_of(const Group& group, double Scores::*value) {
  std::vector<double> values;
  for (const Run* run : group.runs) values.push_back((*run->scores).*value);
  return spread_of(values);
}

std::string text_of(const Spread& spread, int digits) {
  if (spread.count == 0) return "";
  const std::string mean = fmt::format("{:.{}f}", spread.mean, digits);
  return spread.count == 1 ? mean
                           : fmt::format("{}\u00A0±\u00A0{:.{}f}", mean, spread.deviation, digits);
}

}  // namespace peclr
