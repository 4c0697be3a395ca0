// SPDX-License-Identifier: Apache-2.0
#include "tools/probe/joints.h"

#include <cmath>
#include <numeric>

#include "engine/error.h"

namespace peclr {
namespace {

constexpr int kParts = 5;  // of the training labels; the last one validates

using Numbers = std::vector<std::int64_t>;

double error_of(const Ridge& ridge, const JointSamples& samples, const Numbers& numbers) {
  std::vector<float> truth;
  for (const std::int64_t i : numbers)
    truth.insert(truth.end(), samples.joints.row(i), samples.joints.row(i + 1));
  return mean_distance(ridge.predict(samples.features, numbers), truth);
}

// Says the mean of the fitted targets, whatever the features.
Ridge mean_of(const RidgeSums& sums) {
  Ridge ridge{sums.dims, sums.targets,
              std::vector<double>(static_cast<std::size_t>(sums.dims * sums.targets)), sums.y};
  for (double& b : ridge.bias) b /= static_cast<double>(sums.count);
  return ridge;
}

}  // namespace

double mean_distance(std::span<const float> predicted, std::span<const float> truth) {
  check(predicted.size() == truth.size() && !truth.empty() && truth.size() % 2 == 0,
        "mean_distance: {} predicted and {} true numbers", predicted.size(), truth.size());
  double sum = 0;
  for (std::size_t i = 0; i < truth.size(); i += 2)
    sum += std::hypot(double(predicted[i]) - truth[i], double(predicted[i + 1]) - truth[i + 1]);
  return sum / static_cast<double>(truth.size() / 2);
}

JointScores probe_joints(const JointSamples& train, const JointSamples& test) {
  Numbers fitted, validation, tested(static_cast<std::size_t>(test.features.rows));
  std::iota(tested.begin(), tested.end(), std::int64_t{0});
  for (std::int64_t i = 0; i < train.features.rows; ++i) {
    const bool last =
        train.labels[static_cast<std::size_t>(i)] * kParts / train.label_count == kParts - 1;
    (last ? validation : fitted).push_back(i);
  }
  if (train.label_count < kParts || fitted.empty() || validation.empty() || tested.empty())
    fail(ErrorKind::data,
         "the joint probe has {} training labels and {} test crops; it needs at least {} labels in "
         "training and a picture to test",
         train.label_count, tested.size(), kParts);
  RidgeSums sums(train.features.columns, train.joints.columns), rest = sums;
  sums.add(train.features, train.joints, fitted);
  rest.add(train.features, train.joints, validation);
  const double lambda =
      choose_lambda(sums, [&](const Ridge& ridge) { return error_of(ridge, train, validation); });
  sums += rest;
  return {100 * error_of(fit_ridge(sums, lambda), test, tested),
          100 * error_of(mean_of(sums), test, tested), lambda};
}

}  // namespace peclr
