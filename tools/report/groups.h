// SPDX-License-Identifier: Apache-2.0
// Runs that differ in nothing but their random numbers, taken together: mean and spread.
#pragma once
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/text.h"
#include "tools/report/identity.h"
#include "tools/report/runs.h"
#include "tools/report/spread.h"

namespace peclr {

inline constexpr int kColours = 8;

struct Group {
  std::string method;  // "PeCLR", "SimCLR", "scratch"
  // What others have otherwise: "train.epochs=30"; "..." last where that is not all.
  std::vector<std::string> differing;
  Entries scoring;      // of that, the set and how the network was asked: all of it
  double labels = NAN;  // fraction; NaN where labels mean nothing or nobody knows
  int colour = 0;  // below kColours; the same for a method and its difference on the whole page
  std::vector<const Run*> runs;

  std::string label() const {
    return differing.empty() ? method : method + ", " + joined(differing, ", ");
  }
};

// How many seeds there are, a run's own and that of the training it started from (-1: none)
// together; a run that does not know its own counts as another.
using SeedPair = std::optional<std::pair<std::int64_t, std::int64_t>>;
std::size_t seed_count(std::span<const SeedPair> seeds);
std::size_t seed_count(std::span<const Run* const> runs);
inline std::int64_t seed_of(const std::optional<Origin>& origin) {
  return origin ? origin->settings.seed : -1;
}

// The runs that `belongs` chooses, grouped by method, label fraction and every setting that can
// change a result (those of the pre-training included, or its weights' name, and those of the
// evaluation); scores of unknown networks stay alone. Fewer labels come first, then the order is
// scratch, SimCLR, PeCLR, others. Where any groups were scored otherwise, or any of one label
// fraction fine-tuned otherwise, whatever their methods, their labels say it; groups of one
// fraction have labels of their own.
std::vector<Group> group_runs(const std::vector<Run>& runs,
                              const std::function<bool(const Run&)>& belongs);

// The groups of each label fraction.
std::vector<std::vector<Group>> by_labels(const std::vector<Group>& groups);

// "peclr" -> "PeCLR"; other weights with the name of their file, where that is known.
std::string method_name(const std::string& method, const std::string& initial_weights);
// "3", or "3 (1 seed)" where runs repeat a seed.
std::string with_seeds(std::size_t runs, std::size_t seeds);
std::string percent(double fraction);  // 0.1 -> "10 %", not to be broken

Spread spread_of(const Group& group, double Scores::*value);

}  // namespace peclr
