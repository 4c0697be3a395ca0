// SPDX-License-Identifier: Apache-2.0
#include "data/synthetic/pose.h"

#include "kernels/joints.h"

namespace peclr::synthetic {
namespace {

constexpr float kBoneLow = 0.0235f,
                kBoneHigh = 0.0345f;  // metres, bone 9-10 (FreiHAND: 0.0197 to 0.0350)
constexpr float kDeepest = 0.30f;     // accepted penetration: flesh gives way

FingerPose finger(float knuckle, float middle, float abduction = 0) {
  return {{radians(knuckle), radians(middle), radians(kCoupling * middle)}, radians(abduction)};
}
FingerPose thumb(float base, float knuckle, float last, float abduction) {
  return {{radians(base), radians(knuckle), radians(last)}, radians(abduction)};
}

HandPose all_fingers(FingerPose one, FingerPose thumb_pose) {
  HandPose pose;
  pose.fingers.fill(one);
  pose.fingers[0] = thumb_pose;
  return pose;
}

const FingerPose kCurled = finger(74, 96), kStraight = finger(2, 4);
const FingerPose kThumbOver = thumb(19, 18, 68, -9), kThumbAway = thumb(-12, 0, 0, 4);

HandPose open_hand(Rng& rng) {
  const float spread = rng.uniform(-6, 14), flexion = rng.uniform(-6, 14);
  const float out = rng.uniform(-18, 6), aside = rng.uniform(-18, 10);
  HandPose pose = all_fingers(finger(flexion, 6), thumb(out, 2, 4, aside));
  const std::array<float, kFingers> side{0, 1, 0.15f, -0.6f, -1};
  for (int f = 1; f < kFingers; ++f) pose.fingers[f].abduction = radians(spread * side[f]);
  return pose;
}

HandPose relaxed(Rng& rng) {
  HandPose pose = all_fingers({}, thumb(8, 14, 18, 6));
  const float knuckle = rng.uniform(8, 38), middle = rng.uniform(14, 48);
  for (int f = 1; f < kFingers; ++f)
    pose.fingers[f] = finger(knuckle + 5.0f * f, middle + 4.0f * f);
  return pose;
}

HandPose fist() { return all_fingers(kCurled, kThumbOver); }

// The tips of the thumb and of one or two fingers meet; the others are curled or held away.
HandPose pinch(Rng& rng) {
  const float rest = rng.uniform(5, 65);
  const bool two = rng.below(3) == 0;
  HandPose pose =
      all_fingers(finger(rest, rest * 0.9f), two ? thumb(34, 20, 6, -4) : thumb(8, 44, 6, -9));
  pose.fingers[1] = two ? finger(55, 34, 2) : finger(30, 54, 2);
  if (two) pose.fingers[2] = finger(52, 34);
  return pose;
}

// Any set of fingers straight, the others curled: pointing, victory, counting, thumb up, horns.
HandPose counting(Rng& rng, std::uint32_t straight) {
  HandPose pose = fist();
  for (int f = 1; f < kFingers; ++f)
    if (straight >> f & 1) pose.fingers[f] = kStraight;
  if (straight & 1) pose.fingers[0] = kThumbAway;
  if ((straight & 6) == 6) {
    const float spread = rng.uniform(0, 12);
    pose.fingers[1].abduction = radians(spread);
    pose.fingers[2].abduction = radians(-spread / 2);
  }
  return pose;
}

HandPose grasp(Rng& rng) {
  const float knuckle = rng.uniform(22, 55), middle = rng.uniform(30, 62);
  const float across = rng.uniform(5, 25), away = rng.uniform(5, 22);
  return all_fingers(finger(knuckle, middle), thumb(across, 15, 20, away));
}

HandPose anything(Rng& rng) {
  HandPose pose;
  const float common = rng.uniform();  // neighbours bend alike
  for (int f = 0; f < kFingers; ++f) {
    const FingerLimits& limit = limits(f);
    for (int k = 0; k < kSegments; ++k)
      pose.fingers[f].flexion[k] = mix(limit.flexion[k].low, limit.flexion[k].high,
                                       mix(common, rng.uniform(), f == 0 ? 1.0f : 0.7f));
    pose.fingers[f].abduction = rng.uniform(limit.abduction.low, limit.abduction.high);
  }
  return pose;
}

HandPose archetype(Rng& rng) {
  switch (rng.below(10)) {
    case 0:
    case 1:
      return open_hand(rng);
    case 2:
      return relaxed(rng);
    case 3:
      return grasp(rng);
    case 4:
      return fist();
    case 5:
      return pinch(rng);
    case 6:
      return counting(rng, 2 | rng.below(2));
    case 7:
      return counting(rng, rng.below(32));
    default:
      return anything(rng);
  }
}

void vary(Rng& rng, float degrees, HandPose& pose) {
  for (auto& finger : pose.fingers) {
    for (float& angle : finger.flexion) angle += radians(degrees) * bell(rng);
    finger.abduction += radians(degrees / 2) * bell(rng);
  }
}

// Joints of finger f's segments, with their mean radius; segment -1 of a finger is its bone inside
// the palm.
struct Capsule {
  Vec3f a, b;
  float radius;
};

float overlap(const Capsule& one, const Capsule& other) {
  // Close enough for a test: the least distance of five points of one axis from the other axis.
  float nearest = 1e9f;
  for (int i = 0; i <= 4; ++i)
    nearest = std::min(nearest, segment_distance(mix(one.a, one.b, i / 4.0f), other.a, other.b));
  return 1 - nearest / (one.radius + other.radius);
}

}  // namespace

HandShape sample_shape(Rng& rng) {
  HandShape shape = template_shape();
  const float fingers = 1 + 0.035f * bell(rng), thick = 1 + 0.055f * bell(rng);
  for (int f = 0; f < kFingers; ++f) {
    const float one = fingers + 0.02f * bell(rng);
    for (float& factor : shape.length[f]) factor = one + 0.02f * bell(rng);
    shape.thickness[f] = thick + 0.02f * bell(rng);
  }
  shape.palm = {mix(1.0f, thick, 0.7f) + 0.02f * bell(rng), 1 + 0.03f * bell(rng),
                mix(1.0f, thick, 0.8f) + 0.03f * bell(rng)};
  shape.fat = 0.5f * bell(rng);
  const RestHand rest = rest_hand(shape);
  shape.metres =
      rng.uniform(kBoneLow, kBoneHigh) / length(rest.joints[kMiddlePip] - rest.joints[kMiddleMcp]);
  return shape;
}

float penetration(const HandShape& shape, const std::array<Vec3f, kJoints>& joints) {
  std::array<std::array<Capsule, kSegments>, kFingers> segments;
  std::array<Capsule, kFingers> palm;  // [0] unused: the thumb has no bone inside the palm
  for (int f = 0; f < kFingers; ++f) {
    const auto& radius = finger_radius(f);
    for (int k = 0; k < kSegments; ++k)
      segments[f][k] = {joints[joint_of(f, k)], joints[joint_of(f, k + 1)],
                        shape.thickness[f] * (radius[k] + radius[k + 1]) / 2};
    palm[f] = {joints[0] * 0.7f + joints[joint_of(f, 0)] * 0.3f, joints[joint_of(f, 0)],
               10 * shape.palm.z};
  }
  float deepest = 0;
  for (int f = 0; f < kFingers; ++f)
    for (int k = 0; k < kSegments; ++k) {
      // The first segments are joined to the palm, and neighbours share the skin between them.
      for (int g = 1; g < kFingers && k > 0; ++g)
        deepest = std::max(deepest, overlap(segments[f][k], palm[g]));
      for (int g = f + 1; g < kFingers; ++g)
        for (int m = 0; m < kSegments; ++m)
          if (k + m > 0 && !(f == 0 && k == 0))
            deepest = std::max(deepest, overlap(segments[f][k], segments[g][m]));
    }
  return deepest;
}

HandPose sample_pose(Rng& rng, const HandShape& shape) {
  HandPose calm = within_limits(relaxed(rng));
  const float flexion = radians(16) * bell(rng), deviation = radians(7) * bell(rng);
  for (int attempt = 0; attempt < 40; ++attempt) {
    HandPose pose = archetype(rng);
    vary(rng, 5, pose);
    pose.wrist_flexion = flexion;
    pose.wrist_deviation = deviation;
    pose = within_limits(pose);
    if (penetration(shape, posed_joints(articulate(shape, pose))) <= kDeepest) return pose;
  }
  return calm;
}

}  // namespace peclr::synthetic
