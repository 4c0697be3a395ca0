// SPDX-License-Identifier: Apache-2.0
// FreiHAND's scores of meshes where they can be worked out by hand, and against the official loops
// written out again in double.
#include "models/mesh_metrics.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "engine/error.h"
#include "engine/parallel.h"
#include "kernels/joints.h"
#include "kernels/random.h"
#include "tests/support/pose_reference.h"

namespace peclr {
namespace {

using namespace test;
using Points = std::vector<Double3>;
using Floats = std::vector<float>;

Floats random_points(std::size_t count, std::uint64_t seed) {
  Rng rng = Rng::of(seed, 43);
  Floats points;
  for (std::size_t i = 0; i < 3 * count; ++i)
    points.push_back((i % 3 == 2 ? 0.6f : 0.f) + rng.uniform(-0.05f, 0.05f));
  return points;
}

Floats with_noise(Floats points, float size, std::uint64_t seed) {
  Rng rng = Rng::of(seed, 44);
  for (float& x : points) x += size * rng.uniform(-1, 1);
  return points;
}

// So far apart that every vertex stays its partner's nearest.
Floats grid() {
  Floats points;
  for (int v = 0; v < kVertices; ++v)
    points.insert(points.end(), {0.0625f * float(v % 10), 0.0625f * float(v / 10 % 10),
                                 0.5f + 0.0625f * float(v / 100)});
  return points;
}

Floats shifted(Floats points, float x) {
  for (std::size_t i = 0; i < points.size(); i += 3) points[i] += x;
  return points;
}

struct Case {
  Floats predicted, truth, predicted_joints, true_joints;

  // Joints that have nothing to do with the meshes unless they are given.
  Case(Floats p, Floats t)
      : predicted(std::move(p)),
        truth(std::move(t)),
        predicted_joints(random_points(kJoints * truth.size() / (3 * kVertices), 1)),
        true_joints(with_noise(predicted_joints, 0.02f, 2)) {}
  MeshScores scores() const {
    return score_meshes({predicted, truth, predicted_joints, true_joints});
  }
};

// ---- The official script once more.

Points points_of(const Floats& numbers, std::size_t first, std::size_t count) {
  Points points;
  for (std::size_t i = first; i < first + count; ++i)
    points.push_back({numbers[3 * i], numbers[3 * i + 1], numbers[3 * i + 2]});
  return points;
}

double apart(const Double3& a, const Double3& b) {
  return std::hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
}

Double3 mean(const Points& points) {
  Double3 m{};
  for (const Double3& p : points)
    for (std::size_t c = 0; c < 3; ++c) m[c] += p[c] / double(points.size());
  return m;
}

double near_share(const Points& points, const Points& others, double limit) {
  double near = 0;
  for (const Double3& p : points)
    near += std::any_of(others.begin(), others.end(),
                        [&](const Double3& o) { return apart(p, o) < limit; });
  return near / double(points.size());
}

double f_score(const Points& a, const Points& b, double limit) {
  const double precision = near_share(a, b, limit), recall = near_share(b, a, limit);
  return precision + recall > 0 ? 2 * precision * recall / (precision + recall) : 0;
}

// What eval.py's align_by_trafo does; `divided` is the planted fault, the transform it might mean.
Points by_joints(Points mesh, const Points& predicted, const Points& truth, bool divided) {
  const ReferenceFit fit = horn_fit(predicted, truth, true);
  const Double3 from = mean(predicted), to = mean(truth), middle = mean(mesh);
  double square = 0;
  for (const Double3& p : predicted) square += std::pow(apart(p, from), 2);
  const double scale = fit.scale * (divided ? 1 : std::sqrt(square));
  for (Double3& p : mesh) {
    const Double3 d{p[0] - middle[0], p[1] - middle[1], p[2] - middle[2]};
    for (std::size_t c = 0; c < 3; ++c)
      p[c] = to[c] - from[c] + middle[c] +
             scale *
                 (d[0] * fit.rotation[c] + d[1] * fit.rotation[3 + c] + d[2] * fit.rotation[6 + c]);
  }
  return mesh;
}

struct Official {
  double mean = 0, al_mean = 0, auc = 0, al_auc = 0, f[2] = {}, al_f[2] = {};
};

double area(const std::vector<double>& distances) {
  double sum = 0, previous = 0;
  for (int t = 0; t < 100; ++t) {
    double hits = 0;
    for (const double d : distances) hits += d <= 0.05 * t / 99;
    hits /= double(distances.size());
    if (t > 0) sum += (previous + hits) / 2 / 99;
    previous = hits;
  }
  return sum;
}

Official official(const Case& c, bool divided = false) {
  const std::size_t count = c.truth.size() / (3 * kVertices);
  const std::size_t vertices = c.predicted.size() / (3 * count);
  Official scores;
  std::vector<double> plain, aligned;
  for (std::size_t n = 0; n < count; ++n) {
    const Points p = points_of(c.predicted, n * vertices, vertices),
                 t = points_of(c.truth, n * kVertices, kVertices);
    const Points fitted = vertices == kVertices
                              ? horn_fit(p, t, true).aligned
                              : by_joints(p, points_of(c.predicted_joints, n * kJoints, kJoints),
                                          points_of(c.true_joints, n * kJoints, kJoints), divided);
    for (std::size_t v = 0; v < kVertices && vertices == kVertices; ++v) {
      plain.push_back(apart(p[v], t[v])), aligned.push_back(apart(fitted[v], t[v]));
      scores.mean += plain.back() / kVertices / double(count);
      scores.al_mean += aligned.back() / kVertices / double(count);
    }
    const double limits[] = {0.005, 0.015};
    for (std::size_t i = 0; i < 2; ++i) {
      scores.f[i] += f_score(p, t, limits[i]) / double(count);
      scores.al_f[i] += f_score(fitted, t, limits[i]) / double(count);
    }
  }
  scores.auc = area(plain), scores.al_auc = area(aligned);
  return scores;
}

// F of aligned meshes may differ by a vertex at the limit: the rule adds 1e-8 to norms, Horn not.
constexpr double kOneVertex = 1.5 / kVertices;

TEST_CASE("meshes score as the official loops say", "[mesh]") {
  const std::size_t count = 3;
  const Floats truth = random_points(count * kVertices, 5);
  const float noise = GENERATE(0.003f, 0.02f);
  const Case c(shifted(with_noise(truth, noise, 6), 0.004f), truth);
  const MeshScores got = c.scores();
  const Official want = official(c);
  REQUIRE(got.plain);
  REQUIRE(got.aligned);
  CHECK(got.plain->mean == Approx(want.mean).epsilon(1e-9));
  CHECK(got.plain->auc == Approx(want.auc).epsilon(1e-9));
  CHECK(got.aligned->mean == Approx(want.al_mean).epsilon(1e-6));
  CHECK(got.aligned->auc == Approx(want.al_auc).margin(1e-4));
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(got.f[i].plain == Approx(want.f[i]).epsilon(1e-12));
    CHECK(got.f[i].aligned == Approx(want.al_f[i]).margin(kOneVertex));
  }
  CHECK(got.aligned->mean < got.plain->mean);
}

TEST_CASE("meshes of other vertices are aligned by their joints as the official code does",
          "[mesh]") {
  const std::size_t count = 2, vertices = GENERATE(1, 300, 900);
  Case c(random_points(count * vertices, 7), random_points(count * kVertices, 8));
  // Joints of a hand that is three times too large: how they are scaled matters.
  for (std::size_t i = 0; i < c.predicted_joints.size(); ++i)
    c.predicted_joints[i] = 3 * c.predicted_joints[i] - (i % 3 == 2 ? 1.2f : 0.f);
  const MeshScores got = c.scores();
  const Official want = official(c), fault = official(c, true);
  CHECK_FALSE(got.plain);
  CHECK_FALSE(got.aligned);
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(got.f[i].plain == Approx(want.f[i]).epsilon(1e-12));
    CHECK(got.f[i].aligned == Approx(want.al_f[i]).margin(kOneVertex));
  }
  if (vertices == 300) CHECK(std::abs(got.f[1].aligned - fault.al_f[1]) > 10 * kOneVertex);
}

TEST_CASE("a perfect mesh", "[mesh]") {
  const Floats truth = random_points(2 * kVertices, 9);
  const MeshScores scores = Case(truth, truth).scores();
  CHECK(scores.plain->mean == 0);
  CHECK(scores.plain->auc == Approx(1));
  CHECK(scores.aligned->mean < 1e-7);
  CHECK(scores.aligned->auc == Approx(1 - 0.5 / 99).margin(1e-9));  // 1e-8 in the rule's norms
  for (const MatchScore& f : scores.f) {
    CHECK(f.plain == 1);
    CHECK(f.aligned == 1);
  }
}

TEST_CASE("a mesh that is moved", "[mesh]") {
  const Floats truth = grid();
  const MeshScores near = Case(shifted(truth, 0.0101f), truth).scores();
  CHECK(near.plain->mean == Approx(0.0101).epsilon(1e-5));
  // Between thresholds 19 and 20 of 99: half a step, then 79 whole ones.
  CHECK(near.plain->auc == Approx(79.5 / 99));
  CHECK(near.f[0].plain == 0);
  CHECK(near.f[1].plain == 1);
  CHECK(near.aligned->mean < 1e-7);
  CHECK(near.f[0].aligned == 1);
  const MeshScores far = Case(shifted(truth, 0.02f), truth).scores();
  CHECK(far.f[1].plain == 0);
  CHECK(far.f[1].aligned == 1);
}

TEST_CASE("F weighs both meshes alike", "[mesh]") {
  const Floats truth = grid();
  Floats half = truth;
  for (std::size_t i = 0; i < half.size() / 2; ++i) half[i] += 5;  // m: 389 vertices
  CHECK(Case(half, truth).scores().f[0].plain == Approx(0.5));
  const Floats part(truth.begin(), truth.begin() + 3 * 389);  // all right, half of them there
  CHECK(Case(part, truth).scores().f[0].plain == Approx(2 * 0.5 / 1.5));
}

TEST_CASE("meshes of zeros collapse to the middle when they are aligned", "[mesh]") {
  const Floats truth = random_points(kVertices, 10);
  const Points points = points_of(truth, 0, kVertices);
  const Double3 middle = mean(points);
  double far = 0, spread = 0;
  for (const Double3& p : points) far += apart(p, {}) / kVertices;
  for (const Double3& p : points) spread += apart(p, middle) / kVertices;
  const MeshScores scores = Case(Floats(truth.size()), truth).scores();
  CHECK(scores.plain->mean == Approx(far).epsilon(1e-12));
  CHECK(scores.plain->auc == 0);
  CHECK(scores.aligned->mean == Approx(spread).epsilon(1e-12));
  for (std::size_t i = 0; i < 2; ++i) {
    // All of the prediction is where one vertex is near it, or none.
    const double recall = near_share(points, {middle}, i == 0 ? 0.005 : 0.015);
    CHECK(scores.f[i].plain == 0);
    CHECK(scores.f[i].aligned == Approx(recall > 0 ? 2 * recall / (1 + recall) : 0));
    if (i == 1) CHECK(recall > 0);
  }
}

TEST_CASE("scores of meshes do not depend on the number of threads", "[mesh]") {
  const Floats truth = random_points(5 * kVertices, 11);
  const Case c(with_noise(truth, 0.01f, 12), truth);
  set_threads(1);
  const MeshScores one = c.scores();
  set_threads(3);
  const MeshScores three = c.scores();
  set_threads(0);
  CHECK(one.plain->mean == three.plain->mean);
  CHECK(one.aligned->mean == three.aligned->mean);
  CHECK(one.aligned->auc == three.aligned->auc);
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(one.f[i].plain == three.f[i].plain);
    CHECK(one.f[i].aligned == three.f[i].aligned);
  }
}

TEST_CASE("meshes that cannot be scored are refused by name", "[mesh]") {
  const Floats truth = random_points(2 * kVertices, 13);
  Case c(truth, truth);
  c.predicted[3 * kVertices + 7] = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_WITH(c.scores(), Catch::Contains("predicted mesh 1"));
  std::swap(c.predicted, c.truth);
  CHECK_THROWS_WITH(c.scores(), Catch::Contains("true mesh 1"));
  c.truth = truth, c.predicted.pop_back();
  CHECK_THROWS_AS(c.scores(), Error);
  c.predicted = truth, c.true_joints.pop_back();
  CHECK_THROWS_AS(c.scores(), Error);
  CHECK_THROWS_AS(score_meshes({}), Error);
}

}  // namespace
}  // namespace peclr
