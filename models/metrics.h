// SPDX-License-Identifier: Apache-2.0
// FreiHAND's scores by its exact rules (lmb-freiburg/freihand: eval.py, eval_util.py), in double,
// and those that other data sets' tables have.
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
  std::vector<double> point_mean;  // [points] metres, mean over poses
};
DistanceScores score_distances(const std::vector<double>& distances, int points);

// scores.json has of plain epe_cm, epe_median_cm and auc; of root and aligned the same with root_
// and pa_ before them (root_epe_median_cm not), and root_per_joint_cm; pa_rigid_epe_cm of
// aligned_rigid, scale_trans_epe_cm of scale_trans: in centimetres there.
struct PoseScores {
  DistanceScores plain;          // camera space, as predicted
  DistanceScores aligned;        // after FreiHAND's alignment, reflections allowed
  DistanceScores aligned_rigid;  // after the proper similarity
  // Wrist moved to wrist, as InterHand2.6M scores a hand; the wrist counts, with 0.
  DistanceScores root;
  // HO-3D's alignment (its eval.py), no best fit: wrist moved to wrist, and the prediction scaled
  // so that its middle finger's base is as far from the wrist as the true one; unscaled where its
  // own distance is 0.
  DistanceScores scale_trans;
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
