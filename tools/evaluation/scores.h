// SPDX-License-Identifier: Apache-2.0
// Predicted hands beside true ones, and the files that say how far apart they are.
#pragma once
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "data/label.h"
#include "tools/settings/settings.h"

namespace peclr {

// FreiHAND's joint order; metres in camera space, pixels of the original picture.
struct HandPairs {
  std::vector<std::string> files;            // relative to the set
  std::vector<float> predicted, truth;       // [N, 21, 3]
  std::vector<float> predicted_px, true_px;  // [N, 21, 2]; empty: a prediction is in no picture
  std::vector<float> predicted_meshes;       // [N, V, 3], any V
  std::vector<float> true_meshes;            // [N, 778, 3]; either empty: joints alone are scored

  void add(const std::string& file, const HandLabel& label, std::span<const Vec3f> xyz,
           std::span<const Vec2f> px);
  // Whether any predicted vertex is not zero: who sends joints alone writes zeros for meshes.
  bool predicts_meshes() const;
};

// The settings that decide what a network answers, beside its own size: scores.json has them under
// their keys, as YAML. data.first_crop only where there is a first look.
inline constexpr const char* kAskedWith[] = {"data.crop", "data.first_crop", "data.side",
                                             "augment.border", "precision"};
// Their keys and values.
std::vector<std::pair<std::string, std::string>> asked_with(const Settings& settings);

// Where scores come from, for those who read them.
struct ScoreSource {
  std::string set;          // folder of the truth
  std::string pretraining;  // of the network; nothing where it is not known
  std::string predictions;  // their file, where it is another program's
  double holdout = 0;       // data.holdout: of the set's training split, what that keeps from it
  std::string init_from{};  // the network's file; empty for predictions from elsewhere
  std::string initial_weights{};                                // initial_weights_of that file
  std::vector<std::pair<std::string, std::string>> settings{};  // asked_with
};

struct WrittenScores {
  std::string json;  // the numbers, one line
  std::string text;  // scores.txt
};

// Scores the pairs and writes into `folder`, unless that is empty, scores.json (all numbers, those
// of each joint and the PCK curves with their thresholds too), scores.txt (the lines of FreiHAND's
// evaluation server, centimetres; without meshes those of the joints) and, where there are pixels,
// errors.json (every picture's error and joints); without them one of an earlier scoring goes.
// Meshes of zeros have their lines in scores.txt, as on the server, but no numbers in scores.json.
// Throws as score_poses and score_meshes do.
WrittenScores write_scores(const std::string& folder, const HandPairs& pairs,
                           const ScoreSource& source);

}  // namespace peclr
