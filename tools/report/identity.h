// SPDX-License-Identifier: Apache-2.0
// What tells runs apart, beside their random numbers.
#pragma once
#include <optional>
#include <set>
#include <string>

#include "tools/report/runs.h"

namespace peclr {

bool is_pretraining(const Run& run);
bool is_finetuning(const Run& run);
bool is_scored(const Run& run);

// What two runs must share to be taken together: "key=value" of what can change a result.
using Entries = std::set<std::string>;
struct Identity {
  Entries start;     // where the weights came from and which they are: what makes the method
  Entries training;  // of the fine-tuning
  Entries scoring;   // the set and how the network was asked
  auto operator<=>(const Identity&) const = default;
};
Identity identity_of(const Run& run);

// Adds where the weights came from: the settings of the training that left them, and which of its
// files they are; or the file's name where that run is not beside it.
void add_start(Entries& entries, const std::string& weights, const std::optional<Origin>& origin);

// The fine-tuning whose network was scored: the run's own or, of an evaluation alone, the
// network's. Nothing where nobody knows, and of a pre-training.
struct FinetuningRecord {
  const Settings& settings;
  const std::optional<Origin>& origin;
};
std::optional<FinetuningRecord> finetuning_of(const Run& run);

}  // namespace peclr
