// SPDX-License-Identifier: Apache-2.0
// The articulated hand: bones, joints, limits, and where the joints are for given angles. All in
// the palm's frame: the wrist is the origin, x points to the thumb's side, y to the fingers, z out
// of the palm. That frame is right-handed for a right hand and only for a right hand.
#pragma once
#include <array>

#include "data/synthetic/math.h"
#include "kernels/joints.h"
#include "kernels/vec.h"

namespace peclr::synthetic {

inline constexpr int kFingers = 5;  // thumb, index, middle, ring, little
inline constexpr int kSegments =
    3;  // of a finger, base to tip; the thumb's first is its metacarpal
inline constexpr float kForearmLength = 340;  // millimetres of the template
constexpr int joint_of(int finger, int segment) { return 1 + 4 * finger + segment; }

// Radians. Flexion bends towards the palm, 0 = straight; abduction leans to the thumb's side, 0 =
// the resting spread.
struct FingerPose {
  std::array<float, kSegments> flexion{};
  float abduction = 0;
};

struct HandPose {
  std::array<FingerPose, kFingers> fingers;
  float wrist_flexion = 0, wrist_deviation = 0;
};

struct Range {
  float low = 0, high = 0;
  float clamp(float x) const { return std::clamp(x, low, high); }
};

struct FingerLimits {
  std::array<Range, kSegments> flexion;
  Range abduction;
};

// Active ranges of motion of healthy adults, rounded, in radians.
const FingerLimits& limits(int finger);
Range wrist_flexion_limits();
Range wrist_deviation_limits();

// The last joint of a finger follows the one before it (they share a tendon): its flexion is this
// share of that one's, give or take kCouplingSlack.
inline constexpr float kCoupling = 0.62f, kCouplingSlack = radians(9);

// Brings a pose within the limits, the coupling, and the rule that a bent finger can hardly be
// spread.
HandPose within_limits(HandPose pose);

// One person's hand, as factors on the template (millimetres, bone 9-10 = 32).
struct HandShape {
  float metres = 1e-3f;  // metres a millimetre of the template
  Vec3f palm{1, 1, 1};   // width, length, thickness of palm and forearm
  std::array<std::array<float, kSegments>, kFingers> length;  // of the finger segments
  std::array<float, kFingers> thickness;                      // of the fingers
  float fat = 0;  // millimetres of the template added under the skin of the palm
};

// Frames of a finger's segments in the resting pose. `axis` is the axis that all flexions of the
// finger turn about.
struct RestFinger {
  Vec3f axis, spread_axis;
  std::array<Vec3f, kSegments> along, palmar;
};

struct RestHand {
  std::array<Vec3f, kJoints> joints;  // millimetres of the template
  std::array<RestFinger, kFingers> fingers;
};

// The resting hand of a shape; of the template itself for a default-made shape (template_shape()).
RestHand rest_hand(const HandShape& shape);
HandShape template_shape();

// Radius of a finger of the template at its base, its two inner joints and its tip; millimetres.
const std::array<float, 4>& finger_radius(int finger);

// A pose ready to be applied: turns of the three joints of each finger, and of the forearm against
// the palm.
struct Articulation {
  RestHand rest;
  std::array<std::array<Quat, kSegments>, kFingers> turns;
  Quat forearm;
};

Articulation articulate(const HandShape& shape, const HandPose& pose);

// Where a point of the resting finger goes if it takes `shares` of the turns of the finger's
// joints. Shares of 1 move a rigid segment; shares between bend the skin around a joint without
// losing its volume.
Vec3f bend(const Articulation& hand, int finger, Vec3f p, const std::array<float, 3>& shares);

// The joints in FreiHAND's order, millimetres of the template.
std::array<Vec3f, kJoints> posed_joints(const Articulation& hand);

}  // namespace peclr::synthetic
