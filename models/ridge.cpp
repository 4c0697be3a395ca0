// SPDX-License-Identifier: Apache-2.0
#include "models/ridge.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/error.h"
#include "engine/parallel.h"
#include "models/cholesky.h"

namespace peclr {
namespace {

constexpr std::int64_t kGrain = 64;
// A variance below this share of the squared mean is rounding: float features have 24 bits.
constexpr double kNoVariance = 1e-12;
constexpr double kLeastPivot = 1e-12;  // of a system whose diagonal is 1 + lambda

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

void add_to(std::vector<double>& into, const std::vector<double>& from) {
  std::transform(into.begin(), into.end(), from.begin(), into.begin(), std::plus<>());
}

// Of each feature: its mean, and 1 / deviation (0 where it does not vary).
struct Standard {
  std::vector<double> mean, inverse;
};

Standard standard_of(const RidgeSums& sums) {
  const double n = static_cast<double>(sums.count);
  Standard s{std::vector<double>(at(sums.dims)), std::vector<double>(at(sums.dims))};
  for (std::int64_t i = 0; i < sums.dims; ++i) {
    const double mean = sums.x[at(i)] / n, square = sums.xx[at(i * sums.dims + i)] / n;
    const double variance = square - mean * mean;
    if (!std::isfinite(variance))
      fail(ErrorKind::data, "the features to fit are not finite; check the weights");
    s.mean[at(i)] = mean;
    s.inverse[at(i)] = variance > kNoVariance * square ? 1 / std::sqrt(variance) : 0;
  }
  return s;
}

}  // namespace

RidgeSums::RidgeSums(std::int64_t dims_in, std::int64_t targets_in)
    : dims(dims_in),
      targets(targets_in),
      x(at(dims)),
      xx(at(dims * dims)),
      y(at(targets)),
      xy(at(dims * targets)) {}

void RidgeSums::add(const MatrixView& features, const MatrixView& values,
                    std::span<const std::int64_t> samples) {
  check(features.columns == dims && values.columns == targets && features.rows == values.rows,
        "ridge: features [{}, {}] and targets [{}, {}] do not fit sums for [{}] and [{}]",
        features.rows, features.columns, values.rows, values.columns, dims, targets);
  std::vector<const float*> rows;
  for (const std::int64_t i : samples) rows.push_back(features.row(i));
  add_outer_products(xx.data(), dims, rows);
  parallel_for(dims, kGrain, [&](std::int64_t begin, std::int64_t end) {
    for (const std::int64_t i : samples)
      for (std::int64_t d = begin; d < end; ++d) {
        const double feature = features.row(i)[d];
        const float* value = values.row(i);
        double* products = &xy[at(d * targets)];
        x[at(d)] += feature;
        for (std::int64_t t = 0; t < targets; ++t) products[t] += feature * value[t];
      }
  });
  for (const std::int64_t i : samples)
    for (std::int64_t t = 0; t < targets; ++t) y[at(t)] += values.row(i)[t];
  count += static_cast<std::int64_t>(samples.size());
}

RidgeSums& RidgeSums::operator+=(const RidgeSums& other) {
  check(other.dims == dims && other.targets == targets,
        "ridge: sums for [{}] and [{}] cannot take sums for [{}] and [{}]", dims, targets,
        other.dims, other.targets);
  add_to(x, other.x);
  add_to(xx, other.xx);
  add_to(y, other.y);
  add_to(xy, other.xy);
  count += other.count;
  return *this;
}

Ridge fit_ridge(const RidgeSums& sums, double lambda) {
  check(sums.count > 0 && lambda >= 0, "ridge: {} samples, lambda {}", sums.count, lambda);
  const std::int64_t dims = sums.dims, targets = sums.targets;
  const double n = static_cast<double>(sums.count);
  const Standard s = standard_of(sums);
  std::vector<double> system(sums.xx.size());
  Ridge ridge{dims, targets, std::vector<double>(at(dims * targets)),
              std::vector<double>(at(targets))};
  parallel_for(dims, kGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      for (std::int64_t j = i; j < dims; ++j)
        system[at(i * dims + j)] = s.inverse[at(i)] * s.inverse[at(j)] *
                                   (sums.xx[at(i * dims + j)] / n - s.mean[at(i)] * s.mean[at(j)]);
      system[at(i * dims + i)] = s.inverse[at(i)] > 0 ? 1 + lambda : 1;
      for (std::int64_t t = 0; t < targets; ++t)
        ridge.weights[at(i * targets + t)] = s.inverse[at(i)] * (sums.xy[at(i * targets + t)] / n -
                                                                 s.mean[at(i)] * sums.y[at(t)] / n);
    }
  });
  if (!factor_cholesky(system.data(), dims, kLeastPivot))
    fail(ErrorKind::data,
         "ridge: {} features of {} samples with lambda {} have no unique solution; more samples or "
         "a larger lambda are needed",
         dims, sums.count, lambda);
  solve_cholesky(system.data(), dims, ridge.weights.data(), targets);
  for (std::int64_t t = 0; t < targets; ++t) ridge.bias[at(t)] = sums.y[at(t)] / n;
  for (std::int64_t i = 0; i < dims; ++i)
    for (std::int64_t t = 0; t < targets; ++t) {
      double& weight = ridge.weights[at(i * targets + t)];
      weight *= s.inverse[at(i)];
      ridge.bias[at(t)] -= s.mean[at(i)] * weight;
    }
  return ridge;
}

std::vector<float> Ridge::predict(const MatrixView& features,
                                  std::span<const std::int64_t> samples) const {
  check(features.columns == dims, "ridge: features [{}, {}] do not fit weights for [{}]",
        features.rows, features.columns, dims);
  const auto count = static_cast<std::int64_t>(samples.size());
  std::vector<float> out(at(count * targets));
  parallel_for(count, kGrain, [&](std::int64_t begin, std::int64_t end) {
    std::vector<double> sum;
    for (std::int64_t i = begin; i < end; ++i) {
      sum = bias;
      const float* feature = features.row(samples[at(i)]);
      for (std::int64_t d = 0; d < dims; ++d)
        for (std::int64_t t = 0; t < targets; ++t)
          sum[at(t)] += feature[d] * weights[at(d * targets + t)];
      std::copy(sum.begin(), sum.end(), out.begin() + i * targets);
    }
  });
  return out;
}

double choose_lambda(const RidgeSums& sums, const std::function<double(const Ridge&)>& loss) {
  double best = 0, least = std::numeric_limits<double>::infinity();
  for (const double lambda : kRidgeLambdas) {
    const double value = loss(fit_ridge(sums, lambda));
    if (!(value <= least)) continue;
    best = lambda;
    least = value;
  }
  check(best > 0, "ridge: no lambda has a finite loss");
  return best;
}

}  // namespace peclr
