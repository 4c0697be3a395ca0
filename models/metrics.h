// SPDX-License-Identifier: Apache-2.0
// FreiHAND's scores by its exact rules (lmb-freiburg/freihand: eval.py, eval_util.py), in double.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/procrustes.h"

namespace peclr {

// PCK is taken at 100 distances from 0 to 5 cm, both ends included.
inline constexpr int kPckThresholds = 100;
inline constexpr double kPckLimit = 0.05;  // metres
constexpr double pck_threshold(int i) { return kPckLimit * i / (kPckThresholds - 1); }

// What is made of the distances between predicted and true points, 21 joints or the vertices of a
// mesh [N, points], metres.
struct DistanceScores {
  double mean = 0;                           // metres
  double median = 0;                         // metres: mean over points of the point's median
  double auc = 0;                            // area under the PCK curve over 0..5 cm, in 0..1
  std::array<double, kPckThresholds> pck{};  // share of points with distance <= pck_threshold(i)
  std::vector<double> pose_mean;  // [N] metres, mean over a pose's points: which are best and worst
};
DistanceScores score_distances(const std::vector<double>& distances, int points);

// scores.json: epe_cm, epe_median_cm and auc come from plain, pa_epe_cm and pa_auc from aligned,
// pa_rigid_epe_cm from aligned_rigid, in centimetres there.
struct PoseScores {
  DistanceScores plain;          // camera space, as predicted
  DistanceScores aligned;        // after FreiHAND's alignment, reflections allowed
  DistanceScores aligned_rigid;  // after the proper similarity
  std::int64_t count = 0;
};

// predicted, truth: [N, 21, 3] metres, camera space, both in one joint order. Throws Error(failure)
// if the sizes differ or do not fit, Error(data) if there is no pose or one is not finite.
PoseScores score_poses(std::span<const float> predicted, std::span<const float> truth);

// What scores are made of: points from three floats, their distance, and the transform that aligns
// `count` predicted points [count, 3] with true ones.
inline Triple<double> point(const float* p) { return {p[0], p[1], p[2]}; }
double distance(const Triple<double>& a, const Triple<double>& b);
SimilarityTransform<double> fit_points(const float* predicted, const float* truth, int count,
                                       Alignment rule);

// Mean Euclidean distance in pixels of [N, 21, 2]; throws as above.
double epe_2d(std::span<const float> predicted, std::span<const float> truth);

}  // namespace peclr
