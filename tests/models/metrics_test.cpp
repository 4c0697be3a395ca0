// SPDX-License-Identifier: Apache-2.0
// FreiHAND's scores where they can be worked out by hand, against the official loops in double, and
// on real poses.
#include "models/metrics.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <vector>

#include "engine/error.h"
#include "kernels/joints.h"
#include "kernels/random.h"
#include "tests/support/places.h"
#include "tests/support/pose_reference.h"

using namespace peclr;
using namespace peclr::test;

namespace {

// What a perfect aligned prediction gets: PCK(0) is 0, for the rule adds 1e-8 to the norms.
constexpr double kPerfectAlignedAuc = 1 - 0.5 / 99;

std::vector<float> random_poses(int count, std::uint64_t seed) {
  Rng rng = Rng::of(seed, 41);
  std::vector<float> poses;
  for (int i = 0; i < count * kJoints; ++i) {
    poses.push_back(rng.uniform(-0.1f, 0.1f));
    poses.push_back(rng.uniform(-0.1f, 0.1f));
    poses.push_back(0.5f + rng.uniform(-0.1f, 0.1f));
  }
  return poses;
}

std::vector<float> with_noise(std::vector<float> poses, float size, std::uint64_t seed) {
  Rng rng = Rng::of(seed, 42);
  for (float& x : poses) x += size * rng.uniform(-1, 1);
  return poses;
}

struct Scores {
  double mean, median, auc;
};

// eval_util.py's get_measures, joint by joint and threshold by threshold. at_most: false is the
// planted fault.
Scores official(const std::vector<double>& distances, bool at_most = true) {
  const std::size_t count = distances.size() / kJoints;
  Scores scores{0, 0, 0};
  for (int j = 0; j < kJoints; ++j) {
    std::vector<double> d;
    for (std::size_t n = 0; n < count; ++n) d.push_back(distances[n * kJoints + j]);
    std::sort(d.begin(), d.end());
    for (const double x : d) scores.mean += x / count / kJoints;
    scores.median += (d[(count - 1) / 2] + d[count / 2]) / 2 / kJoints;
    double previous = 0;
    for (int t = 0; t < 100; ++t) {
      double hits = 0;
      for (const double x : d) hits += at_most ? x <= 0.05 * t / 99 : x < 0.05 * t / 99;
      if (t > 0) scores.auc += (previous + hits / count) / 2 / 99 / kJoints;
      previous = hits / count;
    }
  }
  return scores;
}

enum class Align { none, freihand, rigid, wrist, palm };

double length_between(const Double3& a, const Double3& b) {
  return std::hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
}

// HO-3D's eval.py, align_sc_tr, step by step: its joints 0 and 4 are FreiHAND's 0 and 9.
std::vector<Double3> with_palm_of(std::vector<Double3> hand, const std::vector<Double3>& truth) {
  const double own = length_between(hand[9], hand[0]);
  for (Double3& joint : hand)
    for (double& x : joint) x = (own > 0 ? x / own : x) * length_between(truth[9], truth[0]);
  return hand;
}

std::vector<Double3> moved(std::vector<Double3> hand, const Double3 from, const Double3& to) {
  for (Double3& joint : hand)
    for (int c = 0; c < 3; ++c) joint[c] = joint[c] - from[c] + to[c];
  return hand;
}

// Every joint put through a function of its coordinates.
template <class F>
std::vector<float> changed(std::vector<float> poses, F change) {
  for (std::size_t i = 0; i < poses.size(); i += 3) change(&poses[i]);
  return poses;
}

std::vector<double> reference_distances(const std::vector<float>& predicted,
                                        const std::vector<float>& truth, Align align) {
  std::vector<double> out;
  for (std::size_t pose = 0; pose < truth.size(); pose += 63) {
    std::vector<Double3> p, t;
    for (std::size_t i = pose; i < pose + 63; i += 3) {
      p.push_back({predicted[i], predicted[i + 1], predicted[i + 2]});
      t.push_back({truth[i], truth[i + 1], truth[i + 2]});
    }
    if (align == Align::freihand || align == Align::rigid)
      p = horn_fit(p, t, align == Align::freihand).aligned;
    if (align == Align::palm) p = with_palm_of(p, t);
    if (align == Align::wrist || align == Align::palm) p = moved(p, p[0], t[0]);
    for (int j = 0; j < kJoints; ++j)
      out.push_back(std::hypot(p[j][0] - t[j][0], p[j][1] - t[j][1], p[j][2] - t[j][2]));
  }
  return out;
}

bool agrees(const DistanceScores& got, const Scores& want, double auc_margin) {
  return std::abs(got.mean - want.mean) < 1e-7 && std::abs(got.median - want.median) < 1e-7 &&
         std::abs(got.auc - want.auc) < auc_margin;
}

}  // namespace

TEST_CASE("a perfect prediction", "[metrics]") {
  const auto truth = random_poses(10, 1);
  const PoseScores scores = score_poses(truth, truth);
  REQUIRE(scores.count == 10);
  REQUIRE(scores.plain.mean == 0);
  REQUIRE(scores.plain.median == 0);
  REQUIRE(scores.plain.auc == Approx(1));  // d <= t holds at t = 0
  REQUIRE(scores.plain.pck[0] == 1);
  REQUIRE(scores.aligned.mean < 1e-8);  // the rule's own 1e-8 in the norms
  REQUIRE(scores.aligned.auc == Approx(kPerfectAlignedAuc).margin(1e-9));
}

TEST_CASE("every joint wrong by the same distance", "[metrics]") {
  const auto truth = random_poses(7, 2);
  auto predicted = truth;
  for (std::size_t i = 0; i < predicted.size(); i += 3) predicted[i] += 0.0212f;
  const PoseScores scores = score_poses(predicted, truth);
  REQUIRE(scores.plain.mean == Approx(0.0212).epsilon(1e-5));
  REQUIRE(scores.plain.median == Approx(0.0212).epsilon(1e-5));
  // 0.0212 lies between thresholds 41 and 42 of 99: half a step, then 57 whole ones.
  REQUIRE(scores.plain.auc == Approx(57.5 / 99));
  REQUIRE(scores.plain.pck[41] == 0);
  REQUIRE(scores.plain.pck[42] == 1);
  REQUIRE(scores.aligned.mean < 1e-7);
}

TEST_CASE("the zero predictor, aligned, collapses to each hand's centre", "[metrics]") {
  const auto truth = random_poses(9, 3);
  const std::vector<float> zeros(truth.size());
  double spread = 0;
  for (std::size_t pose = 0; pose < truth.size(); pose += 63) {
    double centre[3] = {};
    for (int i = 0; i < 63; ++i) centre[i % 3] += truth[pose + i] / 21.0;
    for (int i = 0; i < 63; i += 3)
      spread += std::hypot(truth[pose + i] - centre[0], truth[pose + i + 1] - centre[1],
                           truth[pose + i + 2] - centre[2]);
  }
  const PoseScores scores = score_poses(zeros, truth);
  REQUIRE(scores.aligned.mean == Approx(spread / (9 * 21)).epsilon(1e-12));
  REQUIRE(scores.aligned_rigid.mean == Approx(spread / (9 * 21)).epsilon(1e-12));
}

TEST_CASE("mirrored hands are forgiven by the official alignment only", "[metrics]") {
  const auto truth = random_poses(20, 4);
  auto mirrored = truth;
  for (std::size_t i = 0; i < mirrored.size(); i += 3) mirrored[i] = -mirrored[i];
  const PoseScores scores = score_poses(mirrored, truth);
  REQUIRE(scores.aligned.mean < 1e-8);  // the rule's own 1e-8 in the norms
  REQUIRE(scores.aligned.auc == Approx(kPerfectAlignedAuc).margin(1e-9));
  REQUIRE(scores.aligned_rigid.mean > 0.01);
}

TEST_CASE("scores equal the official loops, for odd and even counts", "[metrics]") {
  const int count = GENERATE(1, 2, 15, 64);
  const auto truth = random_poses(count, 5);
  const auto predicted = with_noise(truth, 0.04f, 6);
  const PoseScores scores = score_poses(predicted, truth);
  const double margin = 1e-9;
  REQUIRE(
      agrees(scores.plain, official(reference_distances(predicted, truth, Align::none)), margin));
  // FreiHAND adds 1e-8 to the norms, Horn does not.
  REQUIRE(agrees(scores.aligned, official(reference_distances(predicted, truth, Align::freihand)),
                 1e-4));
  REQUIRE(agrees(scores.aligned_rigid,
                 official(reference_distances(predicted, truth, Align::rigid)), margin));
  const auto by_wrist = reference_distances(predicted, truth, Align::wrist);
  REQUIRE(agrees(scores.root, official(by_wrist), margin));
  REQUIRE(agrees(scores.scale_trans, official(reference_distances(predicted, truth, Align::palm)),
                 margin));
  REQUIRE(scores.root.point_mean.size() == kJoints);
  for (std::size_t j = 0; j < kJoints; ++j) {
    double sum = 0;
    for (std::size_t n = 0; n < by_wrist.size(); n += kJoints) sum += by_wrist[n + j];
    REQUIRE(scores.root.point_mean[j] == Approx(sum / count).margin(1e-9));
  }
  double mean = 0;
  for (const double m : scores.plain.pose_mean) mean += m / count;
  REQUIRE(mean == Approx(scores.plain.mean));
}

TEST_CASE("wrists on each other, palms as long: what each forgives", "[metrics]") {
  const auto truth = random_poses(6, 8);
  const double small = 1e-7;  // the coordinates' own rounding
  // Moved: nothing is left.
  const PoseScores off = score_poses(changed(truth, [](float* x) { x[0] += 0.3f; }), truth);
  CHECK(off.plain.mean == Approx(0.3));
  CHECK(off.root.mean < small);
  CHECK(off.root.auc > 0.99);
  CHECK(off.scale_trans.mean < small);
  // Larger, about the camera: HO-3D's rule forgives it, the wrist's alone does not.
  const auto larger = changed(truth, [](float* x) { x[0] *= 2, x[1] *= 2, x[2] *= 2; });
  const PoseScores scaled = score_poses(larger, truth);
  CHECK(scaled.scale_trans.mean < small);
  double reach = 0;  // of 1.0 x a hand: what doubling it adds
  for (std::size_t i = 0; i < truth.size(); i += 3) {
    const std::size_t wrist = i - i % 63;
    reach += std::hypot(double(truth[i]) - truth[wrist], double(truth[i + 1]) - truth[wrist + 1],
                        double(truth[i + 2]) - truth[wrist + 2]) /
             (6 * 21);
  }
  CHECK(scaled.root.mean == Approx(reach).epsilon(1e-6));
  // Turned by half about the optical axis: neither turns it back, the proper alignment does.
  const auto turned = changed(truth, [](float* x) { x[0] = -x[0], x[1] = -x[1]; });
  const PoseScores rotated = score_poses(turned, truth);
  double across = 0;  // twice the distance from the axis through the wrist
  for (std::size_t i = 0; i < truth.size(); i += 3) {
    const std::size_t wrist = i - i % 63;
    across += 2 *
              std::hypot(double(truth[i]) - truth[wrist], double(truth[i + 1]) - truth[wrist + 1]) /
              (6 * 21);
  }
  CHECK(rotated.root.mean == Approx(across).epsilon(1e-6));
  CHECK(rotated.scale_trans.mean == Approx(across).epsilon(1e-6));
  CHECK(rotated.aligned_rigid.mean < small);
}

TEST_CASE("a joint's own error, and a hand that is a point", "[metrics]") {
  const auto truth = random_poses(4, 9);
  auto predicted = truth;
  for (std::size_t pose = 0; pose < truth.size(); pose += 63) predicted[pose + 3 * 8] += 0.02f;
  const PoseScores scores = score_poses(predicted, truth);
  for (std::size_t j = 0; j < kJoints; ++j)
    CHECK(scores.root.point_mean[j] == Approx(j == 8 ? 0.02 : 0).margin(1e-7));
  // Without a palm there is nothing to scale by: every joint lies on the true wrist.
  const PoseScores zeros = score_poses(std::vector<float>(truth.size()), truth);
  CHECK(zeros.scale_trans.mean == Approx(zeros.root.mean));
  CHECK(std::isfinite(zeros.scale_trans.mean));
}

TEST_CASE("a hand without a palm is not scaled", "[metrics]") {
  const auto truth = random_poses(4, 9);
  auto predicted = random_poses(4, 10);
  for (std::size_t pose = 0; pose < truth.size(); pose += 63)
    std::copy_n(&predicted[pose], 3, &predicted[pose + 3 * 9]);  // its knuckle on its wrist
  const PoseScores scores = score_poses(predicted, truth);
  CHECK(scores.scale_trans.mean == Approx(scores.root.mean));
}

TEST_CASE("the reference tells at most from less than", "[metrics]") {
  const std::vector<double> perfect(2 * kJoints, 0.0);
  REQUIRE(official(perfect).auc == Approx(1));
  REQUIRE_FALSE(official(perfect, false).auc == Approx(1));
}

TEST_CASE("the 2D error is a mean of pixel distances", "[metrics]") {
  std::vector<float> truth(2 * 42, 50), predicted = truth;
  predicted[0] += 3;
  predicted[1] -= 4;
  predicted[60] += 16;
  REQUIRE(epe_2d(predicted, truth) == Approx(21.0 / 42));
}

TEST_CASE("what cannot be scored is refused by name", "[metrics]") {
  auto truth = random_poses(3, 7), predicted = truth;
  REQUIRE_THROWS_AS(score_poses({}, {}), Error);
  REQUIRE_THROWS_AS(score_poses({predicted.data(), 126}, truth), Error);
  predicted[63 + 5] = std::numeric_limits<float>::quiet_NaN();
  REQUIRE_THROWS_WITH(score_poses(predicted, truth), Catch::Contains("predicted pose 1"));
  REQUIRE_THROWS_WITH(score_poses(truth, predicted), Catch::Contains("true pose 1"));
}

// Scores of the official code on the 583 real hands of hand-graph-cnn, before they were mirrored.
TEST_CASE("real hands score as the official code says", "[metrics]") {
  const std::filesystem::path folder = test::in_shared("data/real_hands");
  if (folder.empty()) return;
  std::vector<float> truth;
  for (const char* part : {"training_xyz.json", "evaluation_xyz.json"})
    for (const auto& pose : nlohmann::json::parse(std::ifstream(folder / part)))
      for (const auto& joint : pose)
        for (int c = 0; c < 3; ++c) truth.push_back((c == 0 ? -1 : 1) * joint[c].get<float>());
  REQUIRE(truth.size() == 583 * 63);
  std::vector<float> predicted(truth.size());
  struct Row {
    const char* name;
    double numbers[6];  // cm, cm, AUC; the same aligned
  };
  const auto compare = [&](const Row& row) {
    const PoseScores s = score_poses(predicted, truth);
    const double got[6] = {100 * s.plain.mean,   100 * s.plain.median,   s.plain.auc,
                           100 * s.aligned.mean, 100 * s.aligned.median, s.aligned.auc};
    for (int i = 0; i < 6; ++i) {
      CAPTURE(row.name, i);
      CHECK(got[i] == Approx(row.numbers[i]).margin(2e-5));
    }
  };
  compare({"zeros", {40.700833, 40.782116, 0, 4.925288, 4.844122, 0.180243}});
  std::vector<double> mean(63);
  for (std::size_t i = 0; i < truth.size(); ++i) mean[i % 63] += truth[i] / 583.0;
  for (std::size_t i = 0; i < truth.size(); ++i) predicted[i] = static_cast<float>(mean[i % 63]);
  compare({"mean of all", {5.634692, 5.131221, 0.184675, 2.232200, 2.145888, 0.565403}});
  for (std::size_t i = 0; i < truth.size(); ++i) predicted[i] = i % 3 == 0 ? -truth[i] : truth[i];
  compare({"truth, x negated", {9.779535, 8.009444, 0.168773, 0, 0, kPerfectAlignedAuc}});
  for (std::size_t i = 0; i < truth.size(); ++i) predicted[i] = truth[i] * 1.1f + 0.01f;
  compare({"truth * 1.1 + 0.01", {5.329646, 5.349127, 0.004584, 0, 0, kPerfectAlignedAuc}});
}
