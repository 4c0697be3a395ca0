// SPDX-License-Identifier: Apache-2.0
#include "tools/probe/joint_crops.h"

#include <algorithm>
#include <array>

#include "engine/error.h"

namespace peclr {
namespace {

constexpr std::uint64_t kTrainingCrops = 0x70726F6265, kEvaluationCrops = 0x74657374;
constexpr std::size_t kNumbers = 2 * kJoints;  // of a crop

std::array<Vec2f, kJoints> joints_in(const Picture& picture, const HandLabel& label) {
  return project(reduced_camera(label.K, picture.factor), label.xyz);
}

}  // namespace

JointSamples JointCrops::samples() const {
  return {
      features.matrix(), {joints.data(), features.matrix().rows, kNumbers}, labels, label_count};
}

JointCrops joint_crops(const FrozenEncoder& encoder, const PictureSet& set, Split split) {
  check(has_pixels(set.known), "joint_crops: the joints are not known");
  const int side = encoder.settings.model.input;
  const std::uint64_t seed = static_cast<std::uint64_t>(encoder.settings.seed);
  const std::uint64_t purpose = split == Split::training ? kTrainingCrops : kEvaluationCrops;
  std::vector<float> joints(set.files.size() * kProbeCrops * kNumbers);  // of bad pictures too
  auto joints_of = [&](std::int64_t i, int v) {
    return joints.begin() + (i * kProbeCrops + v) * static_cast<std::int64_t>(kNumbers);
  };
  auto crop = [&](const Picture& picture, std::int64_t i, int v) {
    const std::array<Vec2f, kJoints> px = joints_in(picture, set.label(i));
    const View view = probe_view(
        side, picture.image.width, picture.image.height, px,
        Rng::of(seed, purpose, static_cast<std::uint64_t>(i), static_cast<std::uint64_t>(v)));
    auto to = joints_of(i, v);
    for (const Vec2f& joint : px) {
      const Vec2f p = apply(view.to_output, joint);
      *to++ = p.x / static_cast<float>(side);
      *to++ = p.y / static_cast<float>(side);
    }
    return view;
  };
  JointCrops crops{encoder.features({set, kProbeCrops, crop, Seen::hand}),
                   {},
                   {},
                   static_cast<std::int64_t>(set.labels.size())};
  for (std::size_t row = 0; row < crops.features.pictures.size(); ++row) {
    const std::int64_t i = crops.features.pictures[row];
    const auto from = joints_of(i, static_cast<int>(row % kProbeCrops));
    crops.joints.insert(crops.joints.end(), from, from + kNumbers);
    crops.labels.push_back(i % crops.label_count);
  }
  return crops;
}

}  // namespace peclr
