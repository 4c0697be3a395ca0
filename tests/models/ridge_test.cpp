// SPDX-License-Identifier: Apache-2.0
// Ridge regression against closed forms and its own normal equations, and the Cholesky below it.
#include "models/ridge.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "engine/parallel.h"
#include "kernels/random.h"
#include "models/cholesky.h"
#include "tests/support/compare.h"
#include "tests/support/files.h"

using namespace peclr;
using test::caught;

namespace {

using Numbers = std::vector<std::int64_t>;

std::vector<float> noise(std::int64_t count, std::uint64_t seed) {
  Rng rng = Rng::of(seed);
  std::vector<float> out(static_cast<std::size_t>(count));
  for (float& x : out) x = rng.uniform(-1, 1) + rng.uniform(-1, 1);
  return out;
}

// A made-up problem: correlated features far from zero and of different sizes, two targets.
struct Problem {
  std::int64_t n, d, t = 2;
  std::vector<float> x, y;

  Problem(std::int64_t samples, std::int64_t dims) : n(samples), d(dims) {
    x = noise(n * d, 1);
    y = noise(n * t, 2);
    for (std::int64_t i = 0; i < n; ++i) {
      float* row = &x[static_cast<std::size_t>(i * d)];
      for (std::int64_t k = 1; k < d; ++k) row[k] += 0.8f * row[k - 1];
      for (std::int64_t k = 0; k < d; ++k) y[static_cast<std::size_t>(i * t)] += 0.3f * row[k];
      for (std::int64_t k = 3; k < d; k += 7) row[k] = 100 * row[k] + 500;
    }
  }
  MatrixView features() const { return {x.data(), n, d}; }
  MatrixView targets() const { return {y.data(), n, t}; }
  Numbers all() const {
    Numbers out(static_cast<std::size_t>(n));
    std::iota(out.begin(), out.end(), std::int64_t{0});
    return out;
  }
  RidgeSums sums() const {
    RidgeSums out(d, t);
    out.add(features(), targets(), all());
    return out;
  }

  // Largest element of the loss's gradient, from its definition; [D, T] in standardised features.
  double gradient(const Ridge& ridge, double lambda) const {
    auto X = [&](std::int64_t i, std::int64_t k) { return double(x[std::size_t(i * d + k)]); };
    std::vector<double> mean(std::size_t(d), 0), deviation(std::size_t(d), 0);
    for (std::int64_t k = 0; k < d; ++k) {
      for (std::int64_t i = 0; i < n; ++i) mean[std::size_t(k)] += X(i, k) / double(n);
      for (std::int64_t i = 0; i < n; ++i)
        deviation[std::size_t(k)] += std::pow(X(i, k) - mean[std::size_t(k)], 2) / double(n);
      deviation[std::size_t(k)] = std::sqrt(deviation[std::size_t(k)]);
    }
    double worst = 0;
    for (std::int64_t c = 0; c < t; ++c) {
      std::vector<double> left;
      for (std::int64_t i = 0; i < n; ++i) {
        double answer = ridge.bias[std::size_t(c)];
        for (std::int64_t k = 0; k < d; ++k)
          answer += X(i, k) * ridge.weights[std::size_t(k * t + c)];
        left.push_back(answer - double(y[std::size_t(i * t + c)]));
      }
      worst = std::max(worst, std::abs(std::accumulate(left.begin(), left.end(), 0.0)) / double(n));
      for (std::int64_t k = 0; k < d; ++k) {
        const double s = deviation[std::size_t(k)];
        double g = lambda * ridge.weights[std::size_t(k * t + c)] * s;
        for (std::int64_t i = 0; i < n; ++i)
          g += (X(i, k) - mean[std::size_t(k)]) / s * left[std::size_t(i)] / double(n);
        worst = std::isfinite(g) ? std::max(worst, std::abs(g)) : HUGE_VAL;
      }
    }
    return worst;
  }
};

}  // namespace

TEST_CASE("one feature: the least-squares line with a slope of 1 / (1 + lambda)") {
  const std::vector<float> x{1, 2, 3, 6},
      y{2, 3, 7, 8};  // means 3 and 5, covariance 4.25, variance 3.5
  RidgeSums sums(1, 1);
  sums.add({x.data(), 4, 1}, {y.data(), 4, 1}, Numbers{0, 1, 2, 3});
  for (const double lambda : {0.0, 0.5, 3.0}) {
    const Ridge ridge = fit_ridge(sums, lambda);
    const double slope = 4.25 / 3.5 / (1 + lambda);
    CHECK(ridge.weights[0] == Approx(slope).epsilon(1e-12));
    CHECK(ridge.bias[0] == Approx(5 - 3 * slope).epsilon(1e-12));
    const std::vector<float> said = ridge.predict({x.data(), 4, 1}, Numbers{3, 0});
    CHECK(said[0] == Approx(5 + 3 * slope));
    CHECK(said[1] == Approx(5 - 2 * slope));
  }
}

TEST_CASE("orthogonal features: each weight shrinks by 1 + lambda on its own") {
  std::vector<float> x, y;
  for (int i = 0; i < 8; ++i) {
    const float a = i & 1 ? 1 : -1, b = i & 2 ? 1 : -1, c = i & 4 ? 1 : -1;
    x.insert(x.end(), {a, b, c});
    y.insert(y.end(), {2 * a - 3 * b + 10, c});
  }
  RidgeSums sums(3, 2);
  sums.add({x.data(), 8, 3}, {y.data(), 8, 2}, Numbers{0, 1, 2, 3, 4, 5, 6, 7});
  const Ridge ridge = fit_ridge(sums, 1);
  const double want[] = {1, 0, -1.5, 0, 0, 0.5};
  CHECK(test::max_abs(ridge.weights.data(), want, 6) < 1e-12);
  CHECK(ridge.bias[0] == Approx(10));
}

TEST_CASE("the gradient of the loss vanishes, with more samples than features and with fewer") {
  for (const auto& [n, d] : {std::pair{300, 37}, {20, 50}, {150, 133}}) {
    const Problem problem(n, d);
    for (const double lambda : {1e-3, 1.0}) {
      const Ridge ridge = fit_ridge(problem.sums(), lambda);
      CHECK(problem.gradient(ridge, lambda) < 1e-8);
      CHECK_FALSE(problem.gradient(ridge, 1.01 * lambda + 1e-3) < 1e-5);  // planted: another loss
    }
  }
}

TEST_CASE("a large lambda says the mean") {
  const Problem problem(100, 12);
  const Ridge ridge = fit_ridge(problem.sums(), 1e12);
  double mean = 0;
  for (std::int64_t i = 0; i < problem.n; ++i)
    mean += problem.targets().row(i)[1] / double(problem.n);
  for (const std::int64_t i : problem.all())
    CHECK(ridge.predict(problem.features(), Numbers{i})[1] == Approx(mean).margin(1e-6));
}

TEST_CASE("sums of parts are the sums of the whole") {
  const Problem problem(301, 21);
  Numbers even, odd;
  for (const std::int64_t i : problem.all()) (i % 2 ? odd : even).push_back(i);
  RidgeSums a(21, 2), b(21, 2);
  a.add(problem.features(), problem.targets(), even);
  b.add(problem.features(), problem.targets(), odd);
  a += b;
  const Ridge parts = fit_ridge(a, 0.1), whole = fit_ridge(problem.sums(), 0.1);
  CHECK(a.count == 301);
  CHECK(test::relative_l2(parts.weights.data(), whole.weights.data(), whole.weights.size()) < 1e-9);
  CHECK_THROWS_AS(a += RidgeSums(20, 2), Error);
}

TEST_CASE("the number of threads changes no bit of a fit") {
  const Problem problem(300, 150);
  auto fit = [&](int count) {
    set_threads(count);
    const Ridge ridge = fit_ridge(problem.sums(), 0.01);
    return std::pair{ridge.weights, ridge.predict(problem.features(), problem.all())};
  };
  const auto alone = fit(1);
  CHECK(fit(3) == alone);
  CHECK(fit(8) == alone);
  set_threads(0);
}

TEST_CASE("features that say nothing new do no harm") {
  Problem problem(50, 3);
  for (std::int64_t i = 0; i < problem.n; ++i) {
    problem.x[static_cast<std::size_t>(3 * i + 1)] = 1e4f;  // constant
    problem.x[static_cast<std::size_t>(3 * i + 2)] = problem.x[static_cast<std::size_t>(3 * i)];
  }
  const Ridge ridge = fit_ridge(problem.sums(), 0.1);
  CHECK(ridge.weights[2] == 0);
  CHECK(ridge.weights[3] == 0);
  CHECK(ridge.weights[0] == Approx(ridge.weights[4]));
  const test::Caught twins = caught([&] { fit_ridge(problem.sums(), 0); });
  CHECK(twins.kind == static_cast<int>(ErrorKind::data));
  CHECK(twins.names("larger lambda"));
}

TEST_CASE("features that are not finite are refused") {
  Problem problem(10, 3);
  problem.x[4] = std::numeric_limits<float>::quiet_NaN();
  CHECK(caught([&] { fit_ridge(problem.sums(), 1); }).names("not finite"));
}

TEST_CASE("the lambda with the least loss is chosen, of equal ones the largest") {
  const RidgeSums sums = Problem(40, 5).sums();
  int call = 0;
  auto loss_of_call = [&](std::vector<double> losses) {
    call = 0;
    return choose_lambda(sums,
                         [&, losses](const Ridge&) { return losses.at(std::size_t(call++)); });
  };
  CHECK(loss_of_call({3, 2, 1, 2, 3, 4, 5}) == kRidgeLambdas[2]);
  CHECK(loss_of_call({1, 1, 1, 1, 1, 1, 1}) == kRidgeLambdas[6]);
  CHECK(loss_of_call({NAN, 2, NAN, 2, NAN, NAN, NAN}) == kRidgeLambdas[3]);
  CHECK_THROWS_AS(loss_of_call({NAN, NAN, NAN, NAN, NAN, NAN, NAN}), Error);
}

TEST_CASE("Cholesky's factor multiplies back, whatever the size") {
  for (const std::int64_t n : {1, 3, 4, 63, 64, 65, 200}) {
    const std::vector<float> rows = noise((n + 10) * n, 7);
    std::vector<const float*> pointers;
    for (std::int64_t i = 0; i < n + 10; ++i) pointers.push_back(&rows[std::size_t(i * n)]);
    std::vector<double> a(std::size_t(n * n)), product(a.size()), want(a.size());
    add_outer_products(a.data(), n, pointers);
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t j = i; j < n; ++j)
        for (std::int64_t k = 0; k < n + 10; ++k)
          want[std::size_t(i * n + j)] +=
              double(pointers[std::size_t(k)][i]) * pointers[std::size_t(k)][j];
    std::vector<double> u = a;
    REQUIRE(factor_cholesky(u.data(), n));
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t j = i; j < n; ++j)
        for (std::int64_t k = 0; k <= i; ++k)
          product[std::size_t(i * n + j)] += u[std::size_t(k * n + i)] * u[std::size_t(k * n + j)];
    CHECK(test::relative_l2(product.data(), want.data(), want.size()) < 1e-12);

    // A x = b, b = A times a vector of ones, with A mirrored from its upper triangle.
    std::vector<double> b(std::size_t(n), 0);
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t j = 0; j < n; ++j)
        b[std::size_t(i)] += want[std::size_t(std::min(i, j) * n + std::max(i, j))];
    solve_cholesky(u.data(), n, b.data(), 1);
    CHECK(test::max_abs(b.data(), std::vector<double>(b.size(), 1).data(), b.size()) < 1e-6);
  }
}

TEST_CASE("a matrix that is not positive definite has no factor") {
  std::vector<double> a{1, 2, 0, 1};  // eigenvalues 3 and -1
  CHECK_FALSE(factor_cholesky(a.data(), 2));
  std::vector<double> nan{1, 0, 0, NAN};
  CHECK_FALSE(factor_cholesky(nan.data(), 2));
}
