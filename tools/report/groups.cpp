// SPDX-License-Identifier: Apache-2.0
#include "tools/report/groups.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

namespace peclr {
namespace {

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

Spread spread_of(const Group& group, double Scores::*value) {
  std::vector<double> values;
  for (const Run* run : group.runs) values.push_back((*run->scores).*value);
  return spread_of(values);
}

}  // namespace peclr
