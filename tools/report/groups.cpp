// SPDX-License-Identifier: Apache-2.0
#include "tools/report/groups.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

namespace peclr {
namespace {

constexpr const char* kOrder[] = {"scratch", "simclr", "peclr"};
constexpr int kMethods = std::size(kOrder);

int rank_of(const std::string& method) {
  return static_cast<int>(std::find(std::begin(kOrder), std::end(kOrder), method) -
                          std::begin(kOrder));
}

struct Key {
  double labels;
  int rank;
  std::string method, initial;  // the latter of other weights alone, whose name it is part of
  Identity identity;
  auto operator<=>(const Key&) const = default;
};
using Grouped = std::map<Key, std::vector<const Run*>>;

// A part of a key's identity without what all of its peers have, too.
Entries own_of(const Key& key, const Grouped& all, Entries Identity::*part,
               const std::function<bool(const Key&)>& is_peer) {
  Entries own = key.identity.*part;
  std::erase_if(own, [&](const std::string& entry) {
    return std::all_of(all.begin(), all.end(), [&](const auto& other) {
      return !is_peer(other.first) || (other.first.identity.*part).contains(entry);
    });
  });
  return own;
}

// Whatever is compared has to be scored alike, and trained alike but for what makes its method.
Identity difference_of(const Key& key, const Grouped& all) {
  const auto same_labels = [&](const Key& other) { return other.labels == key.labels; };
  const auto same_method = [&](const Key& other) {
    return same_labels(other) && other.method == key.method && other.initial == key.initial;
  };
  return {own_of(key, all, &Identity::start, same_method),
          own_of(key, all, &Identity::training, same_labels),
          own_of(key, all, &Identity::scoring, [](const Key&) { return true; })};
}

// In the order in which they are chosen.
std::vector<std::string> all_of(const Identity& difference) {
  std::vector<std::string> all;
  for (const Entries* part : {&difference.scoring, &difference.training, &difference.start})
    all.insert(all.end(), part->begin(), part->end());
  return all;
}

// Adds one of `own` that the rival lacks, unless one is chosen or there is none: then the rival
// has one more than these.
void tell_apart(Entries& chosen, const std::vector<std::string>& own,
                const std::vector<std::string>& rival) {
  const auto is_lacking = [&](const std::string& entry) {
    return std::find(rival.begin(), rival.end(), entry) == rival.end();
  };
  if (std::any_of(chosen.begin(), chosen.end(), is_lacking)) return;
  if (const auto it = std::find_if(own.begin(), own.end(), is_lacking); it != own.end())
    chosen.insert(*it);
}

// What a label says of a difference: how it was scored, what tells it from its rivals, and of the
// rest what there is room for.
std::vector<std::string> shown_of(const Identity& difference, const std::vector<Identity>& rivals) {
  constexpr std::size_t kRoom = 3;
  const std::vector<std::string> own = all_of(difference);
  Entries chosen = difference.scoring;
  for (const Identity& rival : rivals) tell_apart(chosen, own, all_of(rival));
  for (const std::string& entry : own)
    if (chosen.size() < kRoom) chosen.insert(entry);
  std::vector<std::string> shown(chosen.begin(), chosen.end());
  if (shown.size() < own.size()) shown.push_back("...");
  return shown;
}

// A method that differs in nothing has the colour of its rank, which stands in `colour`; each other
// label has one of the rest.
void paint(std::vector<Group>& groups) {
  const auto is_plain = [](const Group& group) {
    return group.colour < kMethods && group.differing.empty();
  };
  std::vector<int> rest;
  for (int i = kMethods; i < kColours + kMethods; ++i) {
    const int colour = i % kColours;
    const bool taken = std::any_of(groups.begin(), groups.end(), [&](const Group& group) {
      return is_plain(group) && group.colour == colour;
    });
    if (!taken) rest.push_back(colour);
  }
  std::map<std::string, int> extra;
  for (Group& group : groups) {
    if (is_plain(group)) continue;
    const int next = rest[extra.size() % rest.size()];
    group.colour = extra.emplace(group.label(), next).first->second;
  }
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
    const std::optional<FinetuningRecord> finetuning = finetuning_of(*run);
    seeds.push_back(finetuning ? SeedPair({finetuning->settings.seed, seed_of(finetuning->origin)})
                               : std::nullopt);
  }
  return seed_count(seeds);
}

std::vector<Group> group_runs(const std::vector<Run>& runs,
                              const std::function<bool(const Run&)>& belongs) {
  Grouped grouped;
  for (const Run& run : runs) {
    if (!belongs(run)) continue;
    const std::optional<FinetuningRecord> finetuning = finetuning_of(run);
    const double labels = finetuning ? finetuning->settings.data.labels : -1;
    const std::string initial = run.method == "other" ? run.initial_weights : "";
    grouped[{labels, rank_of(run.method), run.method, initial, identity_of(run)}].push_back(&run);
  }
  std::vector<Group> groups;
  std::vector<Identity> differences;
  for (const auto& [key, members] : grouped) {
    const Identity& difference = differences.emplace_back(difference_of(key, grouped));
    groups.push_back({method_name(key.method, members.front()->initial_weights),
                      {},
                      difference.scoring,
                      key.labels < 0 ? NAN : key.labels,
                      key.rank,
                      members});
  }
  for (std::size_t i = 0; i < groups.size(); ++i) {
    Group& group = groups[i];
    std::vector<Identity> rivals;
    for (std::size_t j = 0; j < groups.size(); ++j)
      if (j != i && groups[j].method == group.method &&
          percent(groups[j].labels) == percent(group.labels))
        rivals.push_back(differences[j]);
    group.differing = shown_of(differences[i], rivals);
  }
  paint(groups);
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
