// SPDX-License-Identifier: Apache-2.0
// Synthetic hands: the same for the same seed, labels that are true of the picture, bodies that
// could exist.
#include "data/synthetic.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "data/freihand.h"
#include "data/synthetic/pose.h"
#include "data/synthetic/scene.h"
#include "engine/error.h"
#include "engine/parallel.h"
#include "tests/support/files.h"
#include "tests/support/places.h"

using namespace peclr;
using namespace peclr::synthetic;
namespace fs = std::filesystem;

namespace {

using Joints = std::array<Vec3f, kJoints>;

std::map<std::string, std::string> tree(const fs::path& root) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(root))
    if (entry.is_regular_file())
      files[fs::relative(entry.path(), root).string()] = test::read_bytes(entry.path());
  return files;
}

double distance(const Vec3f& a, const Vec3f& b) {
  return std::hypot(double(a.x) - b.x, double(a.y) - b.y, double(a.z) - b.z);
}

// Positive for a right hand, negative for a left one: (index - wrist) x (little - wrist) points out
// of a right palm, and fingers bend out of the palm. In any right-handed frame, the camera's too;
// double precision.
double chirality(const Joints& joints) {
  const auto between = [&](int from, int to) {
    return std::array<double, 3>{double(joints[to].x) - joints[from].x,
                                 double(joints[to].y) - joints[from].y,
                                 double(joints[to].z) - joints[from].z};
  };
  const auto a = between(0, 5), b = between(0, 17);
  const std::array<double, 3> out{a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2],
                                  a[0] * b[1] - a[1] * b[0]};
  double sum = 0;
  for (const int base : {5, 9, 13, 17}) {
    const auto whole = between(base, base + 3);
    for (int i = 0; i < 3; ++i) sum += whole[i] * out[i];
  }
  return sum;
}

Joints mirrored(Joints joints) {
  for (Vec3f& joint : joints) joint.x = -joint.x;
  return joints;
}

// Angle between the bones that meet in a joint, degrees.
double bend_degrees(const Joints& joints, int joint) {
  const Vec3f a = joints[joint] - joints[joint - 1], b = joints[joint + 1] - joints[joint];
  return std::acos(std::clamp(double(dot(a, b)) / (double(length(a)) * length(b)), -1.0, 1.0)) *
         180 / M_PI;
}

bool inside_limits(const HandPose& pose) {
  constexpr float kRounding = 1e-5f;
  const auto within = [](const Range& range, float x) {
    return x >= range.low - kRounding && x <= range.high + kRounding;
  };
  bool good = within(wrist_flexion_limits(), pose.wrist_flexion) &&
              within(wrist_deviation_limits(), pose.wrist_deviation);
  for (int f = 0; f < kFingers; ++f) {
    const FingerPose& finger = pose.fingers[f];
    for (int k = 0; k < kSegments; ++k)
      good = good && within(limits(f).flexion[k], finger.flexion[k]);
    good = good && within(limits(f).abduction, finger.abduction);
    if (f > 0)
      good = good && std::abs(finger.flexion[2] - kCoupling * finger.flexion[1]) <=
                         kCouplingSlack + kRounding;
  }
  return good;
}

// Share of the joints whose pixel sees the hand.
double joints_on_hand(const Photograph& photograph, const HandLabel& label) {
  const int side = photograph.image.width;
  int hits = 0;
  for (const Vec3f& joint : label.xyz) {
    const Vec2f uv = project(label.K, joint);
    const int x = static_cast<int>(std::lround(uv.x)), y = static_cast<int>(std::lround(uv.y));
    if (x < 0 || y < 0 || x >= side || y >= side) continue;
    hits += photograph.cover[static_cast<std::size_t>(y) * side + x] > 0;
  }
  return hits / double(kJoints);
}

}  // namespace

TEST_CASE("a synthetic hand is a pure function of seed, index and side", "[synthetic]") {
  const SyntheticHand once = synthetic_hand(7, 3), again = synthetic_hand(7, 3);
  CHECK(once.image.pixels == again.image.pixels);
  CHECK(std::memcmp(&once.label, &again.label, sizeof(HandLabel)) == 0);
  CHECK(once.image.width == 224);
  CHECK(once.image.height == 224);
  CHECK(synthetic_hand(7, 4).image.pixels != once.image.pixels);
  CHECK(synthetic_hand(8, 3).image.pixels != once.image.pixels);

  const SyntheticHand small = synthetic_hand(7, 3, 64);
  CHECK(small.image.width == 64);
  CHECK(small.label.K.m[0] == Approx(once.label.K.m[0] * 64 / 224).epsilon(1e-4));
  CHECK(small.label.K.m[2] == 32);
  CHECK(distance(small.label.xyz[8], once.label.xyz[8]) < 1e-5);
}

TEST_CASE("labels of synthetic hands are FreiHAND's kind of labels", "[synthetic]") {
  std::set<float> scales;
  for (int i = 0; i < 400; ++i) {
    const HandLabel label = label_of(sample_scene(11, i, 224));
    INFO("index " << i);
    REQUIRE(label.scale == Approx(distance(label.xyz[9], label.xyz[10])).epsilon(1e-6));
    REQUIRE(label.scale > 0.02f);
    REQUIRE(label.scale < 0.0351f);
    scales.insert(label.scale);
    const float* K = label.K.m;
    REQUIRE((K[1] == 0 && K[3] == 0 && K[6] == 0 && K[7] == 0 && K[8] == 1));
    REQUIRE((K[2] == 112 && K[5] == 112));
    REQUIRE((K[0] >= 199 && K[0] <= 1131));
    REQUIRE(std::abs(K[4] - K[0]) < 2);
    float left = 1e9f, right = -1e9f, top = 1e9f, bottom = -1e9f;
    for (const Vec3f& joint : label.xyz) {
      REQUIRE(joint.z > 0.2f);
      REQUIRE(joint.z < 1.1f);
      const Vec2f uv = project(label.K, joint);
      left = std::min(left, uv.x), right = std::max(right, uv.x);
      top = std::min(top, uv.y), bottom = std::max(bottom, uv.y);
    }
    REQUIRE((left > 0 && top > 0 && right < 223 && bottom < 223));
    const float fill = std::max(right - left, bottom - top) / 224;
    REQUIRE((fill > 0.38f && fill < 0.77f));
  }
  CHECK(scales.size() > 390);  // many people, not one
}

TEST_CASE("synthetic hands keep their bones and their limits", "[synthetic]") {
  double most_bent = 0, least_bent = 180;
  for (int i = 0; i < 500; ++i) {
    INFO("index " << i);
    const Scene scene = sample_scene(5, i, 224);
    REQUIRE(inside_limits(scene.pose));
    const Joints joints = label_of(scene).xyz;
    const Joints rest = rest_hand(scene.shape).joints;
    for (int f = 0; f < kFingers; ++f) {
      for (int k = 0; k < kSegments; ++k) {
        const int a = joint_of(f, k), b = joint_of(f, k + 1);
        REQUIRE(distance(joints[a], joints[b]) ==
                Approx(distance(rest[a], rest[b]) * scene.shape.metres).epsilon(1e-4));
      }
      // The palm is one piece.
      REQUIRE(distance(joints[0], joints[joint_of(f, 0)]) ==
              Approx(distance(rest[0], rest[joint_of(f, 0)]) * scene.shape.metres).epsilon(1e-4));
      // The angles that the joints themselves show, whatever the pose claims.
      const double middle = bend_degrees(joints, joint_of(f, 1));
      const double last = bend_degrees(joints, joint_of(f, 2));
      REQUIRE(middle < (f == 0 ? 59 : 106));
      REQUIRE(last < 76);
      most_bent = std::max(most_bent, middle);
      least_bent = std::min(least_bent, middle);
    }
    REQUIRE(penetration(scene.shape, posed_joints(articulate(scene.shape, scene.pose))) < 0.31f);
  }
  CHECK(most_bent > 90);
  CHECK(least_bent < 5);
}

TEST_CASE("the checks of limits and of penetration catch a broken hand", "[synthetic]") {
  const HandShape shape = template_shape();
  HandPose pose = within_limits({});
  REQUIRE(inside_limits(pose));
  REQUIRE(penetration(shape, posed_joints(articulate(shape, pose))) < 0.1f);

  HandPose crossed = pose;  // the index finger lies in the middle finger
  crossed.fingers[1].abduction = radians(-22);
  CHECK_FALSE(inside_limits(crossed));
  CHECK(penetration(shape, posed_joints(articulate(shape, crossed))) > 0.31f);

  HandPose uncoupled = pose;  // the last joint bends alone
  uncoupled.fingers[2].flexion[2] = radians(60);
  CHECK_FALSE(inside_limits(uncoupled));
  CHECK(inside_limits(within_limits(uncoupled)));
}

TEST_CASE("synthetic hands are right hands", "[synthetic]") {
  for (int i = 0; i < 300; ++i) {
    const Scene scene = sample_scene(3, i, 224);
    float flexion = 0;
    for (int f = 1; f < kFingers; ++f)
      flexion += scene.pose.fingers[f].flexion[0] + scene.pose.fingers[f].flexion[1];
    if (flexion < radians(60)) continue;  // flat hands show no side
    INFO("index " << i);
    const Joints joints = label_of(scene).xyz;
    REQUIRE(chirality(joints) > 0);
    REQUIRE(chirality(mirrored(joints)) < 0);
  }

  // A flat hand with its palm to the camera and its fingers up: a right hand's thumb is on the
  // viewer's right.
  HandPose flat;
  const Joints joints = posed_joints(articulate(template_shape(), flat));
  const View view{{{500, 0, 112, 0, 500, 112, 0, 0, 1}}, axis_angle({1, 0, 0}, kPi), {0, 0, 500}};
  const auto seen = [&](int joint) { return project(view.K, to_camera(view, joints[joint])); };
  CHECK(seen(12).y < seen(0).y);
  CHECK(seen(4).x > seen(20).x);
  // The palm faces the camera: bending the fingers brings their tips nearer.
  for (int f = 1; f < kFingers; ++f) flat.fingers[f].flexion[0] = radians(30);
  const Joints bent = posed_joints(articulate(template_shape(), flat));
  for (const int tip : {8, 12, 16, 20})
    CHECK(to_camera(view, bent[tip]).z < to_camera(view, joints[tip]).z);
}

TEST_CASE("real right hands pass the same test of chirality", "[synthetic]") {
  const fs::path labels = test::in_shared("data/real_hands/training_xyz.json");
  if (labels.empty()) return;
  std::ifstream file(labels);
  for (const auto& hand : nlohmann::json::parse(file)) {
    Joints joints;
    for (int j = 0; j < kJoints; ++j)
      joints[j] = {hand[j][0].get<float>(), hand[j][1].get<float>(), hand[j][2].get<float>()};
    REQUIRE(chirality(joints) > 0);
  }
}

TEST_CASE("joints lie on the hand that the picture shows", "[synthetic]") {
  int wrong = 0;
  for (int i = 0; i < 60; ++i) {
    INFO("index " << i);
    const Scene scene = sample_scene(21, i, 224);
    const Photograph photograph = photograph_of(scene, 21, i, 224);
    REQUIRE(joints_on_hand(photograph, label_of(scene)) == 1);
    const auto covered = std::count_if(photograph.cover.begin(), photograph.cover.end(),
                                       [](std::uint8_t samples) { return samples > 0; });
    REQUIRE(covered > 224 * 224 / 40);
    REQUIRE(covered < 224 * 224 * 9 / 10);

    // The same scene with its hand out of sight: what is left is the background, noise and all.
    Scene empty = scene;
    empty.view.translation.x += 100;
    const Photograph background = photograph_of(empty, 21, i, 224);
    double inside = 0, outside = 0, count_inside = 0, count_outside = 0;
    for (std::size_t p = 0; p < photograph.cover.size(); ++p) {
      const double d = std::abs(photograph.image.pixels[4 * p] - background.image.pixels[4 * p]);
      if (photograph.cover[p] == 4) inside += d, ++count_inside;
      if (photograph.cover[p] == 0) outside += d, ++count_outside;
    }
    REQUIRE(background.cover == std::vector<std::uint8_t>(background.cover.size(), 0));
    REQUIRE(inside / count_inside > 4);
    REQUIRE(outside / count_outside < 1);

    wrong += joints_on_hand(photograph, label_of(sample_scene(22, i, 224))) < 1;
  }
  CHECK(wrong > 55);  // labels of other hands are found out
}

TEST_CASE("written hands have FreiHAND's layout and read back exactly", "[synthetic]") {
  test::TempFolder folder;
  constexpr int kCount = 12;
  set_threads(1);
  write_synthetic(folder / "one", kCount, 9);
  set_threads(3);
  std::vector<int> progress;
  write_synthetic(folder / "three", kCount, 9, [&](int done, int total) {
    REQUIRE(total == kCount + 1);
    progress.push_back(done);
  });
  set_threads(0);
  REQUIRE(progress.size() == kCount + 1);
  for (int i = 0; i <= kCount; ++i) CHECK(progress[i] == i + 1);

  const auto files = tree(folder / "one");
  CHECK(files == tree(folder / "three"));  // whatever the number of threads
  CHECK(files.size() == kCount + 1 + 6);
  CHECK(files.count("training/rgb/00000011.jpg") == 1);
  CHECK(files.count("evaluation/rgb/00000000.jpg") == 1);
  CHECK(files.at("training/rgb/00000000.jpg") != files.at("evaluation/rgb/00000000.jpg"));

  const auto json = [&](const char* name) { return nlohmann::json::parse(files.at(name)); };
  const auto K = json("training_K.json"), xyz = json("training_xyz.json");
  const auto scale = json("training_scale.json");
  REQUIRE((K.size() == kCount && xyz.size() == kCount && scale.size() == kCount));
  for (int i = 0; i < kCount; ++i) {
    const HandLabel label = synthetic_hand(9, i).label;
    CHECK(scale[i].get<float>() == label.scale);
    REQUIRE((K[i].size() == 3 && xyz[i].size() == kJoints));
    for (int r = 0; r < 3; ++r)
      for (int c = 0; c < 3; ++c) CHECK(K[i][r][c].get<float>() == label.K.m[3 * r + c]);
    for (int j = 0; j < kJoints; ++j) {
      CHECK(xyz[i][j][0].get<float>() == label.xyz[j].x);
      CHECK(xyz[i][j][1].get<float>() == label.xyz[j].y);
      CHECK(xyz[i][j][2].get<float>() == label.xyz[j].z);
    }
  }
  const FreihandLabels read =
      read_freihand_labels(folder / "one", Split::training);  // our own reader
  REQUIRE(read.labels.size() == kCount);
  const HandLabel last = synthetic_hand(9, kCount - 1).label;
  CHECK(std::memcmp(&read.labels.back(), &last, sizeof(HandLabel)) == 0);

  CHECK(json("evaluation_xyz.json").size() == 1);
  CHECK(json("evaluation_xyz.json")[0] != xyz[0]);  // other random numbers

  const test::Caught again = test::caught([&] { write_synthetic(folder / "one", 1, 9); });
  CHECK(again.kind == static_cast<int>(ErrorKind::usage));
  CHECK(again.names("training_K.json"));
  CHECK(tree(folder / "one") == files);  // nothing was touched

  // What a larger run left when it was killed: its pictures would stand behind ours.
  fs::create_directories(folder / "killed/evaluation/rgb");
  test::write_bytes(folder / "killed/evaluation/rgb/00000004.jpg", "");
  const test::Caught left = test::caught([&] { write_synthetic(folder / "killed", 1, 9); });
  CHECK((left.kind == static_cast<int>(ErrorKind::usage) && left.one_line()));
  CHECK(left.names("evaluation/rgb already holds files"));
}

TEST_CASE("write_synthetic refuses what cannot be done", "[synthetic]") {
  test::TempFolder folder;
  CHECK(test::caught([&] { write_synthetic(folder.path(), 0, 1); }).kind ==
        static_cast<int>(ErrorKind::usage));
  test::write_bytes(folder / "file", "not a folder");
  const test::Caught error = test::caught([&] { write_synthetic(folder / "file/out", 1, 1); });
  CHECK(error.kind == static_cast<int>(ErrorKind::failure));
  CHECK(error.names("file/out"));
}
