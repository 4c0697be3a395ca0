// SPDX-License-Identifier: Apache-2.0
#include "tools/report/headline.h"

#include <algorithm>
#include <map>
#include <set>

#include "engine/text.h"

namespace peclr {
namespace {

struct Contender {
  std::string label;
  Spread error;
  std::size_t seeds;
};

std::string seeds(const Contender& c) {
  return c.seeds == 1 ? "one seed" : fmt::format("{} seeds", c.seeds);
}

std::string measured(const Spread& s) { return text_of(s, 2) + "\u00A0cm"; }

// Without how it was scored, which the sentence says of all.
std::string label_of(const Group& group) {
  std::string label = group.method;
  for (const std::string& entry : group.differing)
    if (!group.scoring.contains(entry)) label += ", " + entry;
  return label;
}

// What makes groups comparable: the label fraction (-1: none) and how they were scored.
using Terms = std::pair<double, Entries>;

std::map<Terms, std::vector<Contender>> contenders_of(const std::vector<Group>& scored) {
  std::map<Terms, std::vector<Contender>> contenders;
  for (const Group& group : scored) {
    const Spread s = spread_of(group, &Scores::pa_epe_cm);
    std::vector<const Run*> measured = group.runs;
    std::erase_if(measured, [](const Run* run) { return !std::isfinite(run->scores->pa_epe_cm); });
    if (s.count > 0)
      contenders[{std::isfinite(group.labels) ? group.labels : -1, group.scoring}].push_back(
          {label_of(group), s, seed_count(measured)});
  }
  for (auto& [terms, all] : contenders)
    std::stable_sort(all.begin(), all.end(),
                     [](auto& a, auto& b) { return a.error.mean < b.error.mean; });
  return contenders;
}

// "With 10 % of the labels, ", and which of several ways of scoring.
std::string condition_of(const Terms& terms, bool several_ways) {
  const auto& [labels, scoring] = terms;
  const std::string with = labels < 0 ? ""
                                      : fmt::format("{}ith {} of the labels, ",
                                                    several_ways ? 'w' : 'W', percent(labels));
  if (!several_ways) return with;
  const std::vector<std::string> ways(scoring.begin(), scoring.end());
  return (ways.empty() ? "Of the rows that say nothing of their scoring, "
                       : fmt::format("Of the rows with {}, ", joined(ways, ", "))) +
         with;
}

std::string verdict(const Contender& best, const Contender& next) {
  const double lead = next.error.mean - best.error.mean;
  const double spread = std::fmax(best.error.deviation, next.error.deviation);
  if (best.seeds < 2 || next.seeds < 2)
    return fmt::format("The difference of {:.2f}\u00A0cm may be chance: {} cannot tell.", lead,
                       best.seeds < 2 && next.seeds < 2 ? "one seed each" : "a single seed");
  if (!(lead > spread))
    return fmt::format(
        "The difference of {:.2f}\u00A0cm is smaller than the spread over seeds ({:.2f}\u00A0cm): "
        "it may be "
        "chance.",
        lead, spread);
  return fmt::format(
      "The difference of {:.2f}\u00A0cm is larger than the spread over seeds ({:.2f}\u00A0cm).",
      lead, spread);
}

std::string headline_of_scores(const std::vector<Group>& scored) {
  const auto contenders = contenders_of(scored);
  if (contenders.empty()) return "";
  // The terms on which most methods meet; with the smallest label fraction, if several do.
  const auto& [terms, c] =
      *std::max_element(contenders.begin(), contenders.end(),
                        [](auto& a, auto& b) { return a.second.size() < b.second.size(); });
  std::set<Entries> ways;
  for (const auto& [any, ignored] : contenders) ways.insert(any.second);
  const std::string with = condition_of(terms, ways.size() > 1);
  if (c.size() == 1)
    return fmt::format("{}{}: PA-EPE {} ({}); nothing here to compare it with.", with, c[0].label,
                       measured(c[0].error), seeds(c[0]));
  return fmt::format("{}{} has the lowest PA-EPE: {} ({}) against {} for {} ({}). {}", with,
                     c[0].label, measured(c[0].error), seeds(c[0]), measured(c[1].error),
                     c[1].label, seeds(c[1]), verdict(c[0], c[1]));
}

std::string headline_of_probes(const std::vector<Run>& runs) {
  const Run* best = nullptr;
  for (const Run& run : runs)
    if (run.probe && std::isfinite(run.probe->at("probe_2d_pct")))
      if (!best || run.probe->at("probe_2d_pct") < best->probe->at("probe_2d_pct")) best = &run;
  if (!best) return "";
  return fmt::format(
      "A linear probe of {} finds 2D joints within {:.1f} % of the crop's side; always saying the "
      "mean pose is {:.1f} % off.",
      best->name, best->probe->at("probe_2d_pct"), best->probe->at("probe_2d_mean_pct"));
}

std::string headline_of_pretraining(const std::vector<Run>& runs) {
  for (const Run& run : runs) {
    const auto loss = run.metrics.find("loss");
    if (!is_pretraining(run) || loss == run.metrics.end() || loss->second.empty()) continue;
    return fmt::format(
        "Pre-training {} stands at a loss of {:.2f} after {:.0f} steps (chance: {:.2f}). What its "
        "features are worth, only fine-tuning or a probe can tell.",
        run.name, loss->second.back().y, loss->second.back().x,
        std::log(2.0 * run.settings.train.batch_size - 1));
  }
  return "";
}

std::vector<std::string> methods_of(const std::vector<Group>& groups) {
  std::vector<std::string> methods;
  for (const Group& group : groups)
    if (std::find(methods.begin(), methods.end(), group.method) == methods.end())
      methods.push_back(group.method);
  std::reverse(methods.begin(), methods.end());  // PeCLR first
  return methods;
}

std::string enumerated(const std::vector<std::string>& words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i)
    text += (i == 0 ? "" : i + 1 < words.size() ? ", " : " and ") + words[i];
  return text;
}

std::string counted(std::int64_t count, const char* one) {
  return count == 1 ? fmt::format("one {}", one) : fmt::format("{} {}s", count, one);
}

// The hour where there is one day, else the days.
std::string dates_of(const std::vector<Run>& runs) {
  std::set<std::string> dates;
  for (const Run& run : runs)
    if (!run.date.empty()) dates.insert(run.date);
  if (dates.empty()) return "";
  const std::string first = dates.begin()->substr(0, 10), last = dates.rbegin()->substr(0, 10);
  return first == last ? *dates.begin() : first + " to " + last;
}

}  // namespace

std::string title_of(const std::vector<Run>& runs) {
  const std::vector<Group> scored = group_runs(runs, is_scored),
                           pretrained = group_runs(runs, is_pretraining);
  if (!scored.empty()) return "3D hand pose: " + enumerated(methods_of(scored));
  if (!pretrained.empty()) return "Pre-training: " + enumerated(methods_of(pretrained));
  if (std::any_of(runs.begin(), runs.end(), is_finetuning)) return "Fine-tuning to 3D hand pose";
  if (std::any_of(runs.begin(), runs.end(), [](auto& r) { return r.probe.has_value(); }))
    return "What frozen features are worth";
  return "Predicted hands";
}

std::string summary_of(const std::vector<Run>& runs) {
  const auto count = [&](auto belongs) { return std::count_if(runs.begin(), runs.end(), belongs); };
  std::vector<std::string> parts;
  if (const auto n = count(is_pretraining)) parts.push_back(counted(n, "pre-training"));
  if (const auto n = count(is_finetuning)) parts.push_back(counted(n, "fine-tuning"));
  if (const auto n = count([](const Run& r) { return r.probe.has_value(); }))
    parts.push_back(counted(n, "probe"));
  if (const auto n = count([](const Run& r) { return r.predicted; }))
    parts.push_back(counted(n, "prediction"));
  std::set<std::string> networks, scored;
  for (const Run& run : runs) {
    if (run.training)
      networks.insert(
          fmt::format("ResNet-{} at {} px", run.settings.model.depth, run.settings.model.input));
    if (run.scores && run.scores->count > 0)
      scored.insert(fmt::format("scored on {} pictures{}", run.scores->count,
                                run.scores->set.empty() ? "" : " of " + run.scores->set));
  }
  parts.insert(parts.end(), networks.begin(), networks.end());
  parts.insert(parts.end(), scored.begin(), scored.end());
  if (const std::string dates = dates_of(runs); !dates.empty()) parts.push_back(dates);
  return joined(parts, " · ");
}

std::string headline_of(const std::vector<Run>& runs) {
  for (const std::string& text : {headline_of_scores(group_runs(runs, is_scored)),
                                  headline_of_probes(runs), headline_of_pretraining(runs)})
    if (!text.empty()) return text;
  return "Nothing here was measured against a truth.";
}

}  // namespace peclr
