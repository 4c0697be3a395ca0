// SPDX-License-Identifier: Apache-2.0
// What frozen features know of classes: a linear classifier and the nearest neighbours, by
// cross-validation. A fold is a contiguous part of each class, in the order of the file names, so
// that pictures taken one after another mostly stay together; still, a person may be in several
// folds.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "models/ridge.h"

namespace peclr {

inline constexpr int kFolds = 5, kNeighbours = 5;

// classes [N]: the class of each sample, a place in `names`. Returns the fold of each, in [0,
// kFolds): the k-th of a class's n samples is in fold k * kFolds / n. Throws Error(data) that names
// a class of fewer than kFolds samples.
std::vector<int> contiguous_folds(std::span<const int> classes, std::span<const std::string> names);

struct ClassSamples {
  MatrixView features;           // [N, D]
  std::span<const int> classes;  // [N]
  int class_count = 0;
  std::span<const int> folds;  // [N]
};

// Both return the predicted class of every sample [N], learnt from the other folds.
//
// Ridge regression to one-hot targets; the largest answer wins. Lambda is chosen inside the folds
// that are learnt from: by fitting all but one of them and taking the accuracy on that one.
std::vector<int> classify_linear(const ClassSamples& samples);
// The majority of the kNeighbours samples with the largest cosine similarity; among classes with as
// many votes the one with the nearest neighbour, among equally near samples the first.
std::vector<int> classify_nearest(const ClassSamples& samples);

// Accuracy over folds: mean and standard deviation (kFolds - 1 in the denominator).
struct FoldAccuracy {
  double mean = 0, deviation = 0;
};
FoldAccuracy fold_accuracy(const ClassSamples& samples, std::span<const int> predicted);

// Accuracy of always saying the most frequent class.
double chance_accuracy(const ClassSamples& samples);

}  // namespace peclr
