// SPDX-License-Identifier: Apache-2.0
// Which of a library's algorithms was the fastest for a convolution on this card: kept from run to
// run, so that each is timed once, and a run that is resumed adds in the same order as before.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace peclr::cuda {

// cuDNN's numbers for an engine and its settings.
struct PlanChoice {
  std::int64_t engine = 0;
  std::vector<std::pair<std::int64_t, std::int64_t>> knobs;  // type and value
  double microseconds = 0;                                   // what it took
  bool operator==(const PlanChoice&) const = default;
};

// What is known of a convolution: a choice, or that no engine takes it.
using KnownPlan = std::optional<PlanChoice>;
using KnownPlans = std::map<std::string, KnownPlan>;

// JSON: {"format": 1, "plans": {"forward bf16 ...": {"engine": 22, "knobs": [[2, 5]],
// "microseconds": 101.5}, "backward weights bf16 ...": null}}.
std::string text_of(const KnownPlans& plans);
// Throws Error(data) with the fault where the text is something else.
KnownPlans parse_plans(const std::string& text);

// $XDG_CACHE_HOME (or ~/.cache)/peclr/NVIDIA_H100_80GB_HBM3-cudnn91900.json; empty where neither
// variable is set, and no file is kept.
std::string plan_file_path(const std::string& card, std::size_t cudnn_version);

class PlanFile {
 public:
  // Reads what is there; what cannot be read is noted on stderr and made anew. "" keeps no file.
  explicit PlanFile(std::string path);
  // Tries once more to write what store() could not.
  ~PlanFile();
  PlanFile(const PlanFile&) = delete;
  PlanFile& operator=(const PlanFile&) = delete;

  // Null where nothing is known. Good until the next store().
  const KnownPlan* find(const std::string& key) const;
  // Adds to what the file holds by now: other programs may have added to it. Where that fails, the
  // run goes on, noted once on stderr, and the next store() writes this one, too. That another
  // program is writing at the moment is not noted.
  void store(const std::string& key, const KnownPlan& plan);

 private:
  void save();
  void write();

  std::string path_;
  bool unsaved_ = false, told_ = false;
  KnownPlans plans_;
};

}  // namespace peclr::cuda
