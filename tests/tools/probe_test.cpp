// SPDX-License-Identifier: Apache-2.0
// The probes on made-up features, whose answers are known, and the whole command on small sets.
#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>

#include "data/image.h"
#include "data/synthetic.h"
#include "engine/devices.h"
#include "engine/parallel.h"
#include "kernels/random.h"
#include "tests/support/files.h"
#include "tools/commands.h"
#include "tools/probe/classes.h"
#include "tools/probe/joint_crops.h"

using namespace peclr;
using test::caught;

namespace {

// `classes` clouds in `dims` dimensions whose centres are `distance` deviations apart.
struct Clouds {
  std::vector<float> values;
  std::vector<int> classes;
  std::vector<std::string> names;
  std::int64_t dims;

  Clouds(int count, std::int64_t size, int n, float distance) : dims(size) {
    Rng rng = Rng::of(3);
    for (int c = 0; c < count; ++c) {
      names.push_back("class " + std::to_string(c));
      for (int i = 0; i < n; ++i) {
        classes.push_back(c);
        for (std::int64_t d = 0; d < dims; ++d) {
          const float spread = 2.4f * (rng.uniform() + rng.uniform() - 1);
          values.push_back(5 + spread + (d == c ? distance : 0));
        }
      }
    }
  }
  MatrixView matrix() const {
    return {values.data(), static_cast<std::int64_t>(classes.size()), dims};
  }
};

struct Accuracies {
  double linear, nearest;
};
Accuracies accuracies(const Clouds& clouds, const std::vector<int>& classes) {
  const std::vector<int> folds = contiguous_folds(classes, clouds.names);
  const ClassSamples samples{clouds.matrix(), classes, static_cast<int>(clouds.names.size()),
                             folds};
  return {fold_accuracy(samples, classify_linear(samples)).mean,
          fold_accuracy(samples, classify_nearest(samples)).mean};
}

template <class T>
void shuffle(std::vector<T>& items) {
  Rng rng = Rng::of(99);
  for (std::size_t left = items.size(); left > 1; --left)
    std::swap(items[left - 1], items[rng.below(static_cast<std::uint32_t>(left))]);
}

// Points on the unit circle, one a sample. The first sample is alone in fold 0.
int nearest_answer(std::vector<double> degrees, std::vector<int> classes, std::vector<int> folds) {
  std::vector<float> values;
  for (std::size_t i = 0; i < degrees.size(); ++i) {
    const double radians = degrees[i] * 3.14159265358979 / 180, length = 1 + double(i);
    values.push_back(static_cast<float>(length * std::cos(radians)));
    values.push_back(static_cast<float>(length * std::sin(radians)));
  }
  const ClassSamples samples{
      {values.data(), static_cast<std::int64_t>(classes.size()), 2}, classes, 4, folds};
  return classify_nearest(samples)[0];
}

// Joints and features that hold them, mixed linearly, among numbers that mean nothing.
struct MadeUpJoints {
  std::vector<float> features, joints;
  std::vector<std::int64_t> labels;
  std::int64_t label_count;
  static constexpr std::int64_t kDims = 60, kTargets = 2 * kJoints;

  MadeUpJoints(std::int64_t count, std::uint64_t seed) : label_count(count / 2) {
    Rng rng = Rng::of(seed);
    for (std::int64_t i = 0; i < count; ++i) {
      std::vector<float> hidden(8);
      for (float& h : hidden) h = rng.uniform(-1, 1);
      for (std::int64_t k = 0; k < kTargets; ++k)
        joints.push_back(0.5f + 0.1f * hidden[static_cast<std::size_t>(k % 8)]);
      for (std::int64_t k = 0; k < kDims; ++k)
        features.push_back(k < 8 ? hidden[static_cast<std::size_t>(k)] +
                                       0.5f * hidden[static_cast<std::size_t>((k + 3) % 8)]
                                 : rng.uniform(-1, 1));
      labels.push_back(i / 2);
    }
  }
  JointSamples samples() const {
    const std::int64_t n = static_cast<std::int64_t>(labels.size());
    return {{features.data(), n, kDims}, {joints.data(), n, kTargets}, labels, label_count};
  }
};

nlohmann::json run(const test::TempFolder& folder, std::vector<std::string> settings) {
  CommandLine line;
  line.settings = std::move(settings);
  line.settings.insert(line.settings.end(), {"model.depth=18", "model.input=32", "device=cpu",
                                             "out=" + (folder / "out")});
  if (const int code = run_probe(line)) FAIL("exit code " << code);
  return nlohmann::json::parse(test::read_bytes(folder / "out/probe.json"));
}

// Pictures of one colour a class, with noise.
void write_classes(const test::TempFolder& folder, int per_class) {
  Rng rng = Rng::of(1);
  for (const int c : {0, 1, 2}) {
    const std::string name = folder / ("set/" + std::to_string(c));
    std::filesystem::create_directories(name);
    for (int i = 0; i < per_class; ++i) {
      Image image(40, 36);
      for (std::size_t p = 0; p < image.pixels.size(); ++p)
        image.pixels[p] =
            static_cast<std::uint8_t>(rng.below(60) + (static_cast<int>(p % 4) == c ? 150u : 0u));
      write_png(name + "/" + std::to_string(i) + ".png", image);
    }
  }
}

}  // namespace

TEST_CASE("folds are contiguous, disjoint and equal parts of each class") {
  const std::vector<int> classes{0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 1, 1, 1, 1, 0, 0};  // 9 and 7
  const std::vector<std::string> names{"a", "b"};
  const std::vector<int> folds = contiguous_folds(classes, names);
  REQUIRE(folds.size() == classes.size());
  for (const int c : {0, 1}) {
    std::vector<int> own, sizes(kFolds);
    for (std::size_t i = 0; i < folds.size(); ++i)
      if (classes[i] == c) own.push_back(folds[i]), ++sizes.at(std::size_t(folds[i]));
    CHECK(std::is_sorted(own.begin(), own.end()));
    for (const int size : sizes) CHECK((size == 1 || size == 2));
  }
}

TEST_CASE("a class that cannot be cut into folds is named") {
  const std::vector<int> classes{0, 0, 0, 0, 0, 1, 1, 1, 1};
  const std::vector<std::string> names{"fist", "palm"};
  const test::Caught error = caught([&] { contiguous_folds(classes, names); });
  CHECK(error.kind == static_cast<int>(ErrorKind::data));
  CHECK(error.names("palm"));
  CHECK(error.one_line());
}

TEST_CASE("the five most similar samples vote, whatever their lengths") {
  const std::vector<int> folds{0, 1, 1, 1, 1, 1, 1};
  CHECK(nearest_answer({0, 1, 2, 3, 4, 5, 6}, {0, 1, 1, 2, 2, 2, 1}, folds) ==
        2);  // 6th has no vote
  CHECK(nearest_answer({0, 6, 5, 4, 3, 2, 1}, {0, 2, 1, 1, 2, 2, 1}, folds) == 1);
}

TEST_CASE("among classes with as many votes the nearest wins") {
  const std::vector<int> folds{0, 1, 1, 1, 1, 1};
  CHECK(nearest_answer({0, 5, 4, 3, 2, 1}, {0, 1, 2, 1, 2, 3}, folds) == 2);
  CHECK(nearest_answer({0, 1, 4, 3, 2, 5}, {0, 1, 2, 1, 2, 3}, folds) == 1);
  CHECK(nearest_answer({0, 2, 2, 2, 2, 2}, {0, 3, 1, 1, 3, 2}, folds) == 3);  // equally near: first
}

TEST_CASE("samples of the own fold have no vote") {
  CHECK(nearest_answer({0, 0, 1, 1, 1, 30, 31, 32}, {0, 1, 1, 1, 1, 2, 2, 2},
                       {0, 0, 0, 0, 0, 1, 2, 3}) == 2);
}

TEST_CASE("clouds that lie apart are told apart, and shuffled labels are not") {
  const Clouds clouds(4, 30, 60, 6);
  const Accuracies apart = accuracies(clouds, clouds.classes);
  CHECK(apart.linear > 0.98);
  CHECK(apart.nearest > 0.9);
  std::vector<int> labels = clouds.classes;
  shuffle(labels);  // planted: what is left is chance, 25 %
  const Accuracies lost = accuracies(clouds, labels);
  CHECK(lost.linear == Approx(0.25).margin(0.1));
  CHECK(lost.nearest == Approx(0.25).margin(0.1));
}

TEST_CASE("a fold is told by the other four, with the lambda that the next of them likes best") {
  const Clouds clouds(3, 40, 25, 1);
  const std::vector<int> folds = contiguous_folds(clouds.classes, clouds.names);
  const std::int64_t n = std::ssize(clouds.classes);
  const std::vector<int> said = classify_linear({clouds.matrix(), clouds.classes, 3, folds});
  std::vector<float> one_hot(static_cast<std::size_t>(3 * n));
  for (std::int64_t i = 0; i < n; ++i)
    one_hot[static_cast<std::size_t>(3 * i + clouds.classes[static_cast<std::size_t>(i)])] = 1;
  const auto in_folds = [&](std::set<int> wanted) {
    std::vector<std::int64_t> numbers;
    for (std::int64_t i = 0; i < n; ++i)
      if (wanted.contains(folds[static_cast<std::size_t>(i)])) numbers.push_back(i);
    return numbers;
  };
  const auto fitted = [&](const std::set<int>& learned, double lambda) {
    RidgeSums sums(clouds.dims, 3);
    sums.add(clouds.matrix(), {one_hot.data(), n, 3}, in_folds(learned));
    return fit_ridge(sums, lambda);
  };
  const auto answers = [&](const Ridge& ridge, int fold) {
    const std::vector<std::int64_t> numbers = in_folds({fold});
    const std::vector<float> scores = ridge.predict(clouds.matrix(), numbers);
    std::map<std::int64_t, int> classes;
    for (std::size_t k = 0; k < numbers.size(); ++k)
      classes[numbers[k]] =
          static_cast<int>(std::max_element(&scores[3 * k], &scores[3 * k] + 3) - &scores[3 * k]);
    return classes;
  };
  for (int fold = 0; fold < kFolds; ++fold) {
    const int next = (fold + 1) % kFolds;
    std::set<int> four{0, 1, 2, 3, 4};
    four.erase(fold);
    std::set<int> three = four;
    three.erase(next);
    int least = 1000;
    double best = 0;
    for (const double lambda : kRidgeLambdas) {
      int wrong = 0;
      for (const auto& [i, answer] : answers(fitted(three, lambda), next))
        wrong += answer != clouds.classes[static_cast<std::size_t>(i)];
      if (wrong <= least) least = wrong, best = lambda;
    }
    for (const auto& [i, answer] : answers(fitted(four, best), fold))
      CHECK(said[static_cast<std::size_t>(i)] == answer);
  }
}

TEST_CASE("predictions of classes do not depend on the number of threads") {
  const Clouds clouds(3, 40, 25, 1);
  const std::vector<int> folds = contiguous_folds(clouds.classes, clouds.names);
  const ClassSamples samples{clouds.matrix(), clouds.classes, 3, folds};
  set_threads(1);
  const std::vector<int> linear = classify_linear(samples), nearest = classify_nearest(samples);
  set_threads(5);
  CHECK(classify_linear(samples) == linear);
  CHECK(classify_nearest(samples) == nearest);
  set_threads(0);
}

TEST_CASE("accuracy is the mean over folds, with its deviation") {
  const std::vector<int> classes{0, 0, 0, 0, 1, 1, 1}, folds{0, 0, 1, 2, 3, 4, 4};
  const std::vector<int> said{0, 1, 0, 0, 0, 1, 1};  // by fold: 1/2, 1, 1, 0, 1
  const ClassSamples samples{{}, classes, 2, folds};
  const FoldAccuracy accuracy = fold_accuracy(samples, said);
  CHECK(accuracy.mean == Approx(0.7));
  CHECK(accuracy.deviation == Approx(std::sqrt((0.04 + 3 * 0.09 + 0.49) / 4)));
  CHECK(chance_accuracy(samples) == Approx(4.0 / 7));
}

TEST_CASE("the distance of points is Euclidean and a mean") {
  const std::vector<float> a{0, 0, 1, 1}, b{3, 4, 1, 2};
  CHECK(mean_distance(a, b) == Approx(3));
  CHECK_THROWS_AS(mean_distance(a, std::vector<float>{1, 2}), Error);
}

TEST_CASE("joints that stand in the features are found, and shuffled ones are not") {
  const MadeUpJoints test(100, 2);
  MadeUpJoints train(400, 1);
  const JointScores found = probe_joints(train.samples(), test.samples());
  CHECK(found.error_pct < 0.1 * found.mean_pct);
  CHECK(found.mean_pct > 5);
  CHECK(found.mean_pct < 10);  // 10 % of the side times the distance of two uniform numbers
  CHECK(found.lambda < 0.1);
  std::vector<std::array<float, MadeUpJoints::kDims>> rows(400);  // planted
  std::memcpy(rows.data(), train.features.data(), sizeof(float) * train.features.size());
  shuffle(rows);
  std::memcpy(train.features.data(), rows.data(), sizeof(float) * train.features.size());
  const JointScores lost = probe_joints(train.samples(), test.samples());
  CHECK(lost.error_pct > 0.97 * lost.mean_pct);
  CHECK(lost.lambda >= 1);
}

TEST_CASE("once lambda is chosen, all training labels are learned from") {
  const MadeUpJoints train(70, 1), test(50, 2);
  const auto all_of = [](const MadeUpJoints& joints) {
    std::vector<std::int64_t> numbers(joints.labels.size());
    std::iota(numbers.begin(), numbers.end(), std::int64_t{0});
    return numbers;
  };
  const JointScores scores = probe_joints(train.samples(), test.samples());
  RidgeSums sums(MadeUpJoints::kDims, MadeUpJoints::kTargets);
  sums.add(train.samples().features, train.samples().joints, all_of(train));
  const std::vector<float> said =
      fit_ridge(sums, scores.lambda).predict(test.samples().features, all_of(test));
  CHECK(scores.error_pct == Approx(100 * mean_distance(said, test.joints)));
}

TEST_CASE("lambda comes from the training labels alone") {
  const MadeUpJoints train(200, 1), test(50, 2);
  MadeUpJoints other(50, 3);
  shuffle(other.features);
  CHECK(probe_joints(train.samples(), test.samples()).lambda ==
        probe_joints(train.samples(), other.samples()).lambda);
  const MadeUpJoints few(8, 1);
  CHECK(caught([&] { probe_joints(few.samples(), test.samples()); }).names("at least 5 labels"));
}

TEST_CASE("peclr probe tells colours apart and skips what it cannot read") {
  const test::TempFolder folder;
  write_classes(folder, 10);
  test::write_bytes(folder / "set/1/a.png", "not a picture");
  test::write_bytes(folder / "set/beside.png", "in no class, never read");
  const nlohmann::json json = run(folder, {"data.train=" + (folder / "set"), "data.max_bad=0.05"});
  CHECK(json["kind"] == "classes");
  CHECK(json["linear_accuracy"] > 0.9);
  CHECK(json["knn5_accuracy"] > 0.9);
  CHECK(json["linear_std"] >= 0);
  CHECK(json["chance_accuracy"] == Approx(1.0 / 3));
  CHECK(json["classes"] == 3);
  CHECK(json["count"] == 30);
  CHECK(json["folds"] == 5);
  CHECK(json["people_may_overlap"] == true);
  CHECK(json["weights"] == "random");
  CHECK(json.value("precision", "") == "f32");
  CHECK(json == run(folder, {"data.train=" + (folder / "set"), "data.max_bad=0.05"}));
  CHECK(caught([&] {
          run(folder, {"data.train=" + (folder / "set"), "data.max_bad=0"});
        }).names("a.png"));
}

TEST_CASE("peclr probe says which sets it cannot use") {
  const test::TempFolder folder;
  write_classes(folder, 5);
  const test::Caught flat = caught([&] { run(folder, {"data.train=" + (folder / "set/0")}); });
  CHECK(flat.kind == static_cast<int>(ErrorKind::data));
  CHECK(flat.names("sub-folders"));
  const test::Caught none = caught([&] { run(folder, {}); });
  CHECK(none.kind == static_cast<int>(ErrorKind::usage));
  CHECK(none.names("data.train"));
  CHECK(caught([&] {
          run(folder, {"data.train=" + (folder / "set"), "data.labels=0.5"});
        }).names("data.labels"));
  const test::Caught eval = caught([&] {
    run(folder, {"data.train=" + (folder / "set"), "data.eval=elsewhere"});
  });
  CHECK(eval.kind == static_cast<int>(ErrorKind::usage));
  CHECK(eval.names("data.eval: only the joint probe has one"));
}

TEST_CASE("peclr probe finds joints in crops of labelled hands") {
  const test::TempFolder folder;
  write_synthetic(folder / "hands", 12, 1);
  const nlohmann::json json = run(folder, {"data.train=" + (folder / "hands"), "seed=3"});
  CHECK(json["kind"] == "joints");
  CHECK(json["train"] == 12);
  CHECK(json["test"] == 1);
  CHECK(json["crops"] == 4);
  CHECK(json["probe_2d_pct"] > 0);
  CHECK(json["probe_2d_pct"] < 60);
  CHECK(json["probe_2d_mean_pct"] > 3);
  CHECK(json["probe_2d_mean_pct"] < 40);
  CHECK(json["lambda"] > 0);
  CHECK(run(folder, {"data.train=" + (folder / "hands"), "data.labels=0.5"})["train"] == 6);
}

TEST_CASE("the crops hold their hands, and differ by picture, crop, seed and split") {
  const test::TempFolder folder;
  write_synthetic(folder / "hands", 5, 1);
  const PictureSet set = open_pictures(folder / "hands", Split::training);
  const std::unique_ptr<Backend> backend = make_backend(DeviceKind::cpu);
  Settings settings = default_settings(Command::probe);
  settings.model = {18, 32};
  ParameterStore store;
  const ResNet network(store, 18);
  store.allocate(*backend, 1);
  const FrozenEncoder encoder{settings, network, *backend};
  const JointCrops crops = joint_crops(encoder, set, Split::training);
  REQUIRE(crops.features.pictures.size() == 5 * kProbeCrops);
  REQUIRE(crops.joints.size() == 5 * kProbeCrops * 2 * kJoints);
  // The hand's mean is at most r / 4 an axis from the middle, its joints at most r from the mean,
  // and the side is at least 2 r.
  for (const float x : crops.joints) CHECK(std::abs(x - 0.5) < 0.5 + 0.125 + 0.5 / 32);
  std::set<float> first;
  for (std::size_t i = 0; i < crops.joints.size(); i += 2 * kJoints) first.insert(crops.joints[i]);
  CHECK(first.size() == 5 * kProbeCrops);
  CHECK(joint_crops(encoder, set, Split::training).joints == crops.joints);
  CHECK(joint_crops(encoder, set, Split::evaluation).joints != crops.joints);
  settings.seed = 2;
  CHECK(joint_crops(encoder, set, Split::training).joints != crops.joints);
}
