// SPDX-License-Identifier: Apache-2.0
#include "models/metrics.h"

#include <algorithm>
#include <cmath>

#include "engine/error.h"
#include "kernels/joints.h"

namespace peclr {
namespace {

// Poses in both; refuses what cannot be scored.
std::int64_t checked_count(std::span<const float> predicted, std::span<const float> truth,
                           int width) {
  const std::size_t pose = static_cast<std::size_t>(width) * kJoints;
  check(predicted.size() == truth.size() && truth.size() % pose == 0,
        "scores: {} predicted and {} true numbers, expected [N, {}, {}] twice", predicted.size(),
        truth.size(), kJoints, width);
  if (truth.empty())
    fail(ErrorKind::data, "scores: no pose to score; is the evaluation set empty?");
  const auto finite = [](float x) { return std::isfinite(x); };
  for (std::size_t i = 0; i < truth.size(); ++i) {
    if (!finite(predicted[i]) || !finite(truth[i]))
      fail(ErrorKind::data, "scores: {} pose {} has a joint that is not finite",
           finite(truth[i]) ? "predicted" : "true", i / pose);
  }
  return static_cast<std::int64_t>(truth.size() / pose);
}

void aligned_distances(const float* predicted, const float* truth, Alignment rule,
                       double* distances) {
  const SimilarityTransform<double> fit = fit_points(predicted, truth, kJoints, rule);
  for (int j = 0; j < kJoints; ++j)
    distances[j] = distance(fit.apply(point(predicted + 3 * j)), point(truth + 3 * j));
}

// Distances where the predicted wrist is moved to the true one and all else scaled about it.
void wrist_distances(const float* predicted, const float* truth, double scale, double* distances) {
  for (int j = 0; j < kJoints; ++j)
    distances[j] = distance(scaled(scale, difference(point(predicted + 3 * j), point(predicted))),
                            difference(point(truth + 3 * j), point(truth)));
}

// What HO-3D scales a prediction by.
double palm_scale(const float* predicted, const float* truth) {
  const auto length = [](const float* hand) {
    return distance(point(hand + 3 * kMiddleMcp), point(hand + 3 * kWrist));
  };
  return length(predicted) > 0 ? length(truth) / length(predicted) : 1;
}

double median(std::vector<double>& values) {
  const std::size_t middle = values.size() / 2;
  std::nth_element(values.begin(), values.begin() + middle, values.end());
  const double upper = values[middle];
  if (values.size() % 2 == 1) return upper;
  return 0.5 * (upper + *std::max_element(values.begin(), values.begin() + middle));
}

}  // namespace

double distance(const Triple<double>& a, const Triple<double>& b) {
  const Triple<double> d = difference(a, b);
  return std::sqrt(dot(d, d));
}

SimilarityTransform<double> fit_points(const float* predicted, const float* truth, int count,
                                       Alignment rule) {
  auto sums = PointSums<double>::from(point(predicted), point(truth));
  for (int i = 0; i < count; ++i) sums.add(point(predicted + 3 * i), point(truth + 3 * i));
  return align(sums, count, rule);
}

DistanceScores score_distances(const std::vector<double>& distances, int points) {
  const std::size_t width = static_cast<std::size_t>(points), count = distances.size() / width;
  DistanceScores scores;
  scores.pose_mean.resize(count);
  std::vector<double> of_point(count);
  for (std::size_t j = 0; j < width; ++j) {
    for (std::size_t n = 0; n < count; ++n) {
      of_point[n] = distances[n * width + j];
      scores.pose_mean[n] += of_point[n] / points;
    }
    double sum = 0;
    for (const double d : of_point) sum += d;
    scores.point_mean.push_back(sum / static_cast<double>(count));
    scores.median += median(of_point) / points;
  }
  for (const double mean : scores.pose_mean) scores.mean += mean / static_cast<double>(count);

  // Every point has as many poses, so the mean of the points' curves is the curve of all distances.
  std::vector<double> sorted = distances;
  std::sort(sorted.begin(), sorted.end());
  for (int i = 0; i < kPckThresholds; ++i) {
    const auto within =
        std::upper_bound(sorted.begin(), sorted.end(), pck_threshold(i)) - sorted.begin();
    scores.pck[i] = static_cast<double>(within) / static_cast<double>(sorted.size());
  }
  for (int i = 1; i < kPckThresholds; ++i)  // trapezoids
    scores.auc += 0.5 * (scores.pck[i - 1] + scores.pck[i]) / (kPckThresholds - 1);
  return scores;
}

PoseScores score_poses(std::span<const float> predicted, std::span<const float> truth) {
  PoseScores scores;
  scores.count = checked_count(predicted, truth, 3);
  std::vector<double> plain(scores.count * kJoints), aligned(plain.size()), rigid(plain.size()),
      root(plain.size()), palm(plain.size());
  for (std::int64_t n = 0; n < scores.count; ++n) {
    const float *p = &predicted[3 * kJoints * n], *t = &truth[3 * kJoints * n];
    for (int j = 0; j < kJoints; ++j)
      plain[kJoints * n + j] = distance(point(p + 3 * j), point(t + 3 * j));
    aligned_distances(p, t, Alignment::freihand, &aligned[kJoints * n]);
    aligned_distances(p, t, Alignment::proper, &rigid[kJoints * n]);
    wrist_distances(p, t, 1, &root[kJoints * n]);
    wrist_distances(p, t, palm_scale(p, t), &palm[kJoints * n]);
  }
  scores.plain = score_distances(plain, kJoints);
  scores.aligned = score_distances(aligned, kJoints);
  scores.aligned_rigid = score_distances(rigid, kJoints);
  scores.root = score_distances(root, kJoints);
  scores.scale_trans = score_distances(palm, kJoints);
  return scores;
}

double epe_2d(std::span<const float> predicted, std::span<const float> truth) {
  const std::int64_t joints = checked_count(predicted, truth, 2) * kJoints;
  double sum = 0;
  for (std::int64_t i = 0; i < joints; ++i)
    sum += std::hypot(double(predicted[2 * i]) - truth[2 * i],
                      double(predicted[2 * i + 1]) - truth[2 * i + 1]);
  return sum / static_cast<double>(joints);
}

}  // namespace peclr
