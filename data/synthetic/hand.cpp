// SPDX-License-Identifier: Apache-2.0
#include "data/synthetic/hand.h"

namespace peclr::synthetic {
namespace {

constexpr Range degrees(float low, float high) { return {radians(low), radians(high)}; }

struct FingerTable {
  FingerLimits limits;
  Vec3f base;          // first joint, millimetres
  float spread, roll;  // resting direction in the palm's plane, and turn about itself; degrees
  std::array<float, kSegments> rest_flexion;  // degrees
  std::array<float, kSegments> length;        // millimetres
  std::array<float, 4> radius;                // millimetres
};

constexpr Range kKnuckle = degrees(-15, 88), kMiddle = degrees(0, 105), kLast = degrees(-6, 75);
constexpr std::array<float, kSegments> kRestFlexion{14, 20, 10};

constexpr std::array<FingerTable, kFingers> kTable{{
    {{{degrees(-20, 38), degrees(-5, 58), degrees(-12, 75)}, degrees(-25, 25)},
     {19, 15, 8},
     0,
     0,
     {0, 12, 10},
     {37, 30, 25},
     {11.0f, 9.4f, 9.0f, 7.0f}},
    {{{kKnuckle, kMiddle, kLast}, degrees(-16, 16)},
     {21.5f, 76, 1},
     8,
     -6,
     kRestFlexion,
     {31, 21, 20},
     {8.9f, 8.0f, 7.0f, 5.8f}},
    {{{kKnuckle, kMiddle, kLast}, degrees(-12, 12)},
     {2, 78, -1},
     1,
     -1,
     kRestFlexion,
     {32, 24, 21},
     {9.1f, 8.2f, 7.2f, 5.9f}},
    {{{kKnuckle, kMiddle, kLast}, degrees(-14, 14)},
     {-15.5f, 73, 0},
     -7,
     4,
     kRestFlexion,
     {30, 22.5f, 20.5f},
     {8.6f, 7.7f, 6.8f, 5.7f}},
    {{{kKnuckle, kMiddle, kLast}, degrees(-18, 18)},
     {-31, 64.5f, 4},
     -16,
     9,
     kRestFlexion,
     {24.5f, 16, 18},
     {7.5f, 6.6f, 5.9f, 5.0f}},
}};

// The thumb is turned against the palm: it points out of its plane and its pad faces the little
// finger.
constexpr Vec3f kThumbAlong{0.60f, 0.70f, 0.39f}, kThumbPad{-0.80f, 0.28f, 0.53f};

// y along the straight finger, z its palmar side, x = the axis of flexion.
struct Frame {
  Vec3f x, y, z;
};

Frame straight_frame(int finger) {
  if (finger == 0) {
    const Vec3f y = normalized(kThumbAlong);
    const Vec3f z = normalized(kThumbPad - y * dot(kThumbPad, y));
    return {cross(y, z), y, z};
  }
  const float spread = radians(kTable[finger].spread), roll = radians(kTable[finger].roll);
  const Vec3f y{std::sin(spread), std::cos(spread), 0};
  const Vec3f z = rotate(axis_angle(y, roll), {0, 0, 1});
  return {cross(y, z), y, z};
}

// A bent knuckle tightens the ligaments at its sides.
Range spread_range(const Range& straight, float flexion) {
  const float share = mix(1.0f, 0.25f, saturate(flexion / radians(80)));
  return {straight.low * share, straight.high * share};
}

}  // namespace

const FingerLimits& limits(int finger) { return kTable[finger].limits; }
const std::array<float, 4>& finger_radius(int finger) { return kTable[finger].radius; }
Range wrist_flexion_limits() { return degrees(-50, 55); }
Range wrist_deviation_limits() { return degrees(-25, 15); }

HandPose within_limits(HandPose pose) {
  for (int f = 0; f < kFingers; ++f) {
    FingerPose& finger = pose.fingers[f];
    const FingerLimits& limit = kTable[f].limits;
    for (int k = 0; k < kSegments; ++k)
      finger.flexion[k] = limit.flexion[k].clamp(finger.flexion[k]);
    if (f == 0) {
      finger.abduction = limit.abduction.clamp(finger.abduction);
      continue;
    }
    const float followed = kCoupling * finger.flexion[1];
    finger.flexion[2] = limit.flexion[2].clamp(
        std::clamp(finger.flexion[2], followed - kCouplingSlack, followed + kCouplingSlack));
    finger.abduction = spread_range(limit.abduction, finger.flexion[0]).clamp(finger.abduction);
  }
  pose.wrist_flexion = wrist_flexion_limits().clamp(pose.wrist_flexion);
  pose.wrist_deviation = wrist_deviation_limits().clamp(pose.wrist_deviation);
  return pose;
}

HandShape template_shape() {
  HandShape shape;
  for (auto& finger : shape.length) finger.fill(1);
  shape.thickness.fill(1);
  return shape;
}

RestHand rest_hand(const HandShape& shape) {
  RestHand hand;
  hand.joints[0] = {0, 0, 0};
  for (int f = 0; f < kFingers; ++f) {
    const FingerTable& table = kTable[f];
    const Frame frame = straight_frame(f);
    RestFinger& finger = hand.fingers[f];
    finger.axis = frame.x;
    finger.spread_axis = frame.z;
    hand.joints[joint_of(f, 0)] = table.base * shape.palm;
    float flexion = 0;
    for (int k = 0; k < kSegments; ++k) {
      flexion += radians(table.rest_flexion[k]);
      const Quat turn = axis_angle(frame.x, flexion);
      finger.along[k] = rotate(turn, frame.y);
      finger.palmar[k] = rotate(turn, frame.z);
      hand.joints[joint_of(f, k + 1)] =
          hand.joints[joint_of(f, k)] + finger.along[k] * (table.length[k] * shape.length[f][k]);
    }
  }
  return hand;
}

Articulation articulate(const HandShape& shape, const HandPose& pose) {
  Articulation hand{rest_hand(shape), {}, {}};
  for (int f = 0; f < kFingers; ++f) {
    const RestFinger& rest = hand.rest.fingers[f];
    const FingerPose& finger = pose.fingers[f];
    for (int k = 0; k < kSegments; ++k)
      hand.turns[f][k] =
          axis_angle(rest.axis, finger.flexion[k] - radians(kTable[f].rest_flexion[k]));
    hand.turns[f][0] = axis_angle(rest.spread_axis, -finger.abduction) * hand.turns[f][0];
  }
  // The palm is the root, so the forearm turns the other way.
  hand.forearm =
      axis_angle({1, 0, 0}, -pose.wrist_flexion) * axis_angle({0, 0, 1}, pose.wrist_deviation);
  return hand;
}

Vec3f bend(const Articulation& hand, int finger, Vec3f p, const std::array<float, 3>& shares) {
  for (int k = kSegments - 1; k >= 0; --k) {
    if (shares[k] <= 0) continue;
    const Vec3f pivot = hand.rest.joints[joint_of(finger, k)];
    const Quat& turn = hand.turns[finger][k];
    p = pivot + rotate(shares[k] >= 1 ? turn : share_of(turn, shares[k]), p - pivot);
  }
  return p;
}

std::array<Vec3f, kJoints> posed_joints(const Articulation& hand) {
  std::array<Vec3f, kJoints> joints = hand.rest.joints;
  for (int f = 0; f < kFingers; ++f)
    for (int k = 1; k <= kSegments; ++k) {
      const std::array<float, 3> shares{1.0f, k > 1 ? 1.0f : 0.0f, k > 2 ? 1.0f : 0.0f};
      joints[joint_of(f, k)] = bend(hand, f, hand.rest.joints[joint_of(f, k)], shares);
    }
  return joints;
}

}  // namespace peclr::synthetic
