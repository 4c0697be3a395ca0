// SPDX-License-Identifier: Apache-2.0
#include "data/synthetic.h"

#include <mutex>
#include <vector>

#include "data/freihand_writer.h"
#include "data/synthetic/pose.h"
#include "data/synthetic/scene.h"
#include "engine/error.h"
#include "engine/parallel.h"
#include "kernels/joints.h"

namespace peclr {
namespace synthetic {
namespace {

// Each aspect has a stream of its own: a change in how backgrounds are drawn leaves the hands as
// they were.
enum Stream : std::uint64_t { kShape = 0x5348, kPose, kView, kLook, kLighting, kPhotograph };

std::array<Vec3f, kJoints> joints_in_metres(const HandShape& shape, const HandPose& pose) {
  auto joints = posed_joints(articulate(shape, pose));
  for (Vec3f& joint : joints) joint = joint * shape.metres;
  return joints;
}

}  // namespace

Scene sample_scene(std::uint64_t seed, std::uint64_t index, int side) {
  const auto stream = [&](Stream purpose) { return Rng::of(seed, purpose, index); };
  Rng shape_rng = stream(kShape), pose_rng = stream(kPose), view_rng = stream(kView);
  Rng look_rng = stream(kLook), lighting_rng = stream(kLighting);
  Scene scene;
  scene.shape = sample_shape(shape_rng);
  scene.pose = sample_pose(pose_rng, scene.shape);
  const Articulation pose = articulate(scene.shape, scene.pose);
  const Vec3f elbow =
      rotate(pose.forearm, {0, -kForearmLength * scene.shape.palm.y, 0}) * scene.shape.metres;
  scene.view = sample_view(view_rng, joints_in_metres(scene.shape, scene.pose), elbow, side);
  scene.look = sample_look(look_rng);
  scene.lighting = sample_lighting(lighting_rng);
  return scene;
}

HandLabel label_of(const Scene& scene) {
  HandLabel label{scene.view.K, joints_in_metres(scene.shape, scene.pose), 0};
  for (Vec3f& joint : label.xyz) joint = to_camera(scene.view, joint);
  label.scale = length(label.xyz[kMiddleMcp] - label.xyz[kMiddlePip]);
  return label;
}

Photograph photograph_of(const Scene& scene, std::uint64_t seed, std::uint64_t index, int side) {
  Rng rng = Rng::of(seed, kPhotograph, index);
  return take_photograph(scene, rng, side);
}

}  // namespace synthetic

SyntheticHand synthetic_hand(std::uint64_t seed, std::uint64_t index, int side) {
  check(side >= 16 && side <= kMaxSide, "synthetic_hand: side {} is not in 16..{}", side, kMaxSide);
  const synthetic::Scene scene = synthetic::sample_scene(seed, index, side);
  return {synthetic::photograph_of(scene, seed, index, side).image, synthetic::label_of(scene)};
}

void write_synthetic(const std::filesystem::path& out, int count, std::uint64_t seed,
                     const std::function<void(int done, int total)>& progress) {
  if (count < 1) fail(ErrorKind::usage, "synth: --count {} is not positive", count);
  // Far beyond any training index.
  constexpr std::uint64_t kEvaluationStart = std::uint64_t{1} << 40;
  const int evaluation = evaluation_images(count), total = count + evaluation;
  struct Part {
    std::filesystem::path pictures;
    std::vector<HandLabel> labels;
  };
  const auto make_part = [&](Split split, int size) {
    return Part{make_freihand_part(out, split),
                std::vector<HandLabel>(static_cast<std::size_t>(size))};
  };
  Part training_part = make_part(Split::training, count);
  Part evaluation_part = make_part(Split::evaluation, evaluation);
  std::mutex progress_mutex;
  int done = 0;
  parallel_for(total, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const bool training = i < count;
      const int id = static_cast<int>(training ? i : i - count);
      const auto index = static_cast<std::uint64_t>(id) + (training ? 0 : kEvaluationStart);
      const SyntheticHand hand = synthetic_hand(seed, index);
      Part& part = training ? training_part : evaluation_part;
      write_freihand_picture(part.pictures / fmt::format("{:08}.jpg", id), hand.image);
      part.labels[static_cast<std::size_t>(id)] = hand.label;
      if (!progress) continue;
      std::lock_guard lock(progress_mutex);
      progress(++done, total);
    }
  });
  // The labels of the training part come last: their file says that the set is complete.
  write_freihand_labels(out, Split::evaluation, evaluation_part.labels);
  write_freihand_labels(out, Split::training, training_part.labels);
}

}  // namespace peclr
