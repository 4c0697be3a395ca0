// SPDX-License-Identifier: Apache-2.0
#include "tools/probe/classes.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "engine/error.h"
#include "engine/parallel.h"
#include "engine/text.h"

namespace peclr {
namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

using Numbers = std::vector<std::int64_t>;

std::array<Numbers, kFolds> samples_of_folds(const ClassSamples& samples) {
  std::array<Numbers, kFolds> out;
  for (std::size_t i = 0; i < samples.folds.size(); ++i)
    out[at(samples.folds[i])].push_back(static_cast<std::int64_t>(i));
  return out;
}

// The class with the largest answer for each of these samples.
std::vector<int> answers(const Ridge& ridge, const ClassSamples& samples, const Numbers& numbers) {
  const std::vector<float> scores = ridge.predict(samples.features, numbers);
  std::vector<int> out;
  for (auto row = scores.begin(); row != scores.end(); row += samples.class_count)
    out.push_back(static_cast<int>(std::max_element(row, row + samples.class_count) - row));
  return out;
}

double error_rate(const Ridge& ridge, const ClassSamples& samples, const Numbers& numbers) {
  const std::vector<int> said = answers(ridge, samples, numbers);
  int wrong = 0;
  for (std::size_t k = 0; k < numbers.size(); ++k)
    wrong += said[k] != samples.classes[at(numbers[k])];
  return static_cast<double>(wrong) / static_cast<double>(numbers.size());
}

// The sums of all folds but these.
RidgeSums sums_without(const std::vector<RidgeSums>& folds, int test, int validation) {
  RidgeSums sums(folds[0].dims, folds[0].targets);
  for (int f = 0; f < kFolds; ++f)
    if (f != test && f != validation) sums += folds[at(f)];
  return sums;
}

// Rows divided by their length, so that a product is the cosine; a row of zeros stays.
std::vector<float> unit_rows(const MatrixView& m) {
  std::vector<float> out(m.data, m.data + m.rows * m.columns);
  for (std::int64_t i = 0; i < m.rows; ++i) {
    float* row = &out[at(i * m.columns)];
    double square = 0;
    for (std::int64_t d = 0; d < m.columns; ++d) square += double(row[d]) * row[d];
    const float inverse = square > 0 ? static_cast<float>(1 / std::sqrt(square)) : 0.f;
    for (std::int64_t d = 0; d < m.columns; ++d) row[d] *= inverse;
  }
  return out;
}

float dot(const float* a, const float* b, std::int64_t n) {
  constexpr int kLanes = 16;
  float sums[kLanes] = {};
  std::int64_t d = 0;
  for (; d + kLanes <= n; d += kLanes)
    for (int k = 0; k < kLanes; ++k) sums[k] += a[d + k] * b[d + k];
  float sum = 0;
  for (const float s : sums) sum += s;
  for (; d < n; ++d) sum += a[d] * b[d];
  return sum;
}

// The most similar samples seen so far, the nearest first.
struct Nearest {
  struct Neighbour {
    float similarity;
    int label;
  };
  std::array<Neighbour, kNeighbours> list{};
  int count = 0;

  void offer(Neighbour n) {
    if (count == kNeighbours && !(n.similarity > list[kNeighbours - 1].similarity)) return;
    int place = count < kNeighbours ? count++ : kNeighbours - 1;
    for (; place > 0 && n.similarity > list[at(place - 1)].similarity; --place)
      list[at(place)] = list[at(place - 1)];
    list[at(place)] = n;
  }

  // Walking from the nearest on, a class must have more votes than one that came before it.
  int majority() const {
    int winner = -1;
    std::ptrdiff_t most = 0;
    for (int k = 0; k < count; ++k) {
      const int label = list[at(k)].label;
      const std::ptrdiff_t votes = std::count_if(list.begin(), list.begin() + count,
                                                 [&](const auto& n) { return n.label == label; });
      if (votes > most) winner = label, most = votes;
    }
    return winner;
  }
};

}  // namespace

std::vector<int> contiguous_folds(std::span<const int> classes,
                                  std::span<const std::string> names) {
  Numbers size(names.size()), seen(names.size());
  for (const int c : classes) ++size[at(c)];
  for (std::size_t c = 0; c < names.size(); ++c)
    if (size[c] < kFolds)
      fail(ErrorKind::data, "class {} has {} readable pictures; {} folds need at least {}",
           shown(names[c]), size[c], kFolds, kFolds);
  std::vector<int> folds;
  for (const int c : classes)
    folds.push_back(static_cast<int>(seen[at(c)]++ * kFolds / size[at(c)]));
  return folds;
}

std::vector<int> classify_linear(const ClassSamples& samples) {
  const std::int64_t n = samples.features.rows, targets = samples.class_count;
  std::vector<float> one_hot(at(n * targets));
  for (std::int64_t i = 0; i < n; ++i) one_hot[at(i * targets + samples.classes[at(i)])] = 1;
  const std::array<Numbers, kFolds> folds = samples_of_folds(samples);
  std::vector<RidgeSums> sums;
  for (const Numbers& numbers : folds)
    sums.emplace_back(samples.features.columns, targets)
        .add(samples.features, {one_hot.data(), n, targets}, numbers);
  std::vector<int> predicted(at(n));
  for (int test = 0; test < kFolds; ++test) {
    const int validation = (test + 1) % kFolds;
    const double lambda = choose_lambda(
        sums_without(sums, test, validation),
        [&](const Ridge& ridge) { return error_rate(ridge, samples, folds[at(validation)]); });
    const Ridge ridge = fit_ridge(sums_without(sums, test, test), lambda);
    const std::vector<int> said = answers(ridge, samples, folds[at(test)]);
    for (std::size_t k = 0; k < said.size(); ++k) predicted[at(folds[at(test)][k])] = said[k];
  }
  return predicted;
}

std::vector<int> classify_nearest(const ClassSamples& samples) {
  constexpr std::int64_t kGrain = 16;  // samples that share a pass over all the others
  const std::int64_t n = samples.features.rows, dims = samples.features.columns;
  const std::vector<float> rows = unit_rows(samples.features);
  std::vector<int> predicted(at(n));
  parallel_for(n, kGrain, [&](std::int64_t begin, std::int64_t end) {
    std::array<Nearest, kGrain> nearest;
    for (std::int64_t other = 0; other < n; ++other)
      for (std::int64_t i = begin; i < end; ++i)
        if (samples.folds[at(other)] != samples.folds[at(i)])
          nearest[at(i - begin)].offer({dot(&rows[at(i * dims)], &rows[at(other * dims)], dims),
                                        samples.classes[at(other)]});
    for (std::int64_t i = begin; i < end; ++i) predicted[at(i)] = nearest[at(i - begin)].majority();
  });
  return predicted;
}

FoldAccuracy fold_accuracy(const ClassSamples& samples, std::span<const int> predicted) {
  std::array<double, kFolds> right{}, all{};
  for (std::size_t i = 0; i < predicted.size(); ++i) {
    right[at(samples.folds[i])] += predicted[i] == samples.classes[i];
    ++all[at(samples.folds[i])];
  }
  FoldAccuracy out;
  for (std::size_t f = 0; f < kFolds; ++f) out.mean += right[f] / all[f] / kFolds;
  for (std::size_t f = 0; f < kFolds; ++f) {
    const double d = right[f] / all[f] - out.mean;
    out.deviation += d * d / (kFolds - 1);
  }
  out.deviation = std::sqrt(out.deviation);
  return out;
}

double chance_accuracy(const ClassSamples& samples) {
  std::int64_t most = 0;
  for (int c = 0; c < samples.class_count; ++c)
    most =
        std::max<std::int64_t>(most, std::count(samples.classes.begin(), samples.classes.end(), c));
  return static_cast<double>(most) / static_cast<double>(samples.classes.size());
}

}  // namespace peclr
