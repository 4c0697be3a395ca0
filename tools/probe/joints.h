// SPDX-License-Identifier: Apache-2.0
// What frozen features know of the pose: ridge regression to the 2D joints in crops that are
// turned, moved and scaled at random, in training and test alike. Features that forgot these
// transforms cannot answer; those that kept them can.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "models/ridge.h"

namespace peclr {

// Samples are crops; several crops of a hand, and several versions of its picture, share a label.
struct JointSamples {
  MatrixView features;                   // [N, D]
  MatrixView joints;                     // [N, 21 * 2]: x right, y down, in sides of the crop
  std::span<const std::int64_t> labels;  // [N]: which label, in [0, label_count)
  std::int64_t label_count = 0;
};

struct JointScores {
  double error_pct = 0;  // mean Euclidean distance over test joints, % of the crop's side
  double mean_pct = 0;   // the same when the mean of the training joints is predicted: chance
  double lambda = 0;
};

// Lambda is chosen on the last fifth of the training labels, contiguous because neighbours in a
// video are near-duplicates; then all training samples are fitted. Throws Error(data) for fewer
// than five training labels or no test sample.
JointScores probe_joints(const JointSamples& train, const JointSamples& test);

// Mean Euclidean distance of [N, 2] points.
double mean_distance(std::span<const float> predicted, std::span<const float> truth);

}  // namespace peclr
