// SPDX-License-Identifier: Apache-2.0
#include "data/label_look.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include "data/joint_order.h"

namespace peclr {
namespace {

constexpr std::int64_t kFewest = 5;  // hands
constexpr int kFingerBases[] = {5, 9, 13, 17};

using Joints = std::array<Vec3f, kJoints>;

constexpr JointOrder order_of(std::size_t (*place)(std::size_t joint)) {
  JointOrder order{};
  for (std::size_t j = 0; j < kJoints; ++j) order[j] = place(j);
  return order;
}

struct NamedOrder {
  const char* name;
  JointOrder from;
};
// RHD's (Zimmermann and Brox, ICCV 2017): the wrist, then each finger from tip to base.
constexpr NamedOrder kOrders[] = {
    {nullptr, order_of([](std::size_t j) { return j; })},
    {"AIT's", order_of([](std::size_t j) {
       return static_cast<std::size_t>(ait_from_freihand(static_cast<int>(j)));
     })},
    {"MANO's", kFromMano},
    {"InterHand2.6M's", kFromInterhand},
    {"RHD's", order_of([](std::size_t j) { return j == 0 ? j : j + 3 - 2 * ((j - 1) % 4); })}};

Joints in_freihand_order(const Joints& joints, const JointOrder& from) {
  Joints out;
  for (std::size_t j = 0; j < kJoints; ++j) out[j] = joints[from[j]];
  return out;
}

Vec3f between(const Joints& joints, int from, int to) {
  const Vec3f a = joints[static_cast<std::size_t>(from)], b = joints[static_cast<std::size_t>(to)];
  return {b.x - a.x, b.y - a.y, b.z - a.z};
}
float length(const Vec3f& v) { return std::hypot(v.x, v.y, v.z); }
float bone(const Joints& joints, int from, int to) { return length(between(joints, from, to)); }

// Whether the four fingers have a hand's proportions: however it is bent, the palm's bones are
// longer than a finger's first, and that is longer than the others. Another order of the joints
// takes distances across the hand for bones; a fist's are short, but hardly ever in proportion.
bool has_proportions(const Joints& joints) {
  for (const int base : kFingerBases) {
    const float palm = bone(joints, kWrist, base), first = bone(joints, base, base + 1);
    if (!(palm > 1.2f * first)) return false;
    for (const int joint : {base + 1, base + 2}) {
      const float later = bone(joints, joint, joint + 1);
      if (!(first > 1.1f * later)) return false;
    }
  }
  return true;
}

// The mean cosine between the four fingers and the palm's normal, which points out of a right
// hand's palm, where fingers bend to; below 0 for a left hand. A flat hand has about 0.
float bend_of_right_hand(const Joints& joints) {
  const Vec3f a = between(joints, kWrist, kIndexMcp), b = between(joints, kWrist, 17);
  const Vec3f out = {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
  float sum = 0;
  for (const int base : kFingerBases) {
    const Vec3f finger = between(joints, base, base + 3);
    sum +=
        (finger.x * out.x + finger.y * out.y + finger.z * out.z) / (length(finger) * length(out));
  }
  return sum / std::ssize(kFingerBases);
}

// Of a median bone 9-10: people's have 2 to 6 cm. One of exactly 1 is no centimetre, but a hand
// whose lengths are multiples of that bone.
const char* unit_of(float bone) {
  constexpr float kShortest = 1.5f, kLongest = 7;  // cm
  if (bone > kShortest && bone < kLongest) return "centimetres";
  if (bone > 10 * kShortest && bone < 10 * kLongest) return "millimetres";
  return nullptr;
}

std::vector<Joints> hands_in(std::span<const HandLabel> labels, const JointOrder& from) {
  std::vector<Joints> hands;
  for (const HandLabel& label : labels)
    if (const Joints joints = in_freihand_order(label.xyz, from); has_proportions(joints))
      hands.push_back(joints);
  return hands;
}

}  // namespace

bool LabelLook::left_hands() const { return left >= kFewest && 4 * left > sided; }

LabelLook look_of(std::span<const HandLabel> labels) {
  constexpr float kBent = 0.3f;
  LabelLook look;
  std::vector<Joints> hands;
  for (const NamedOrder& order : kOrders)
    if (std::vector<Joints> others = hands_in(labels, order.from); others.size() > hands.size()) {
      look.order = order.name;
      hands = std::move(others);
    }
  if (std::ssize(hands) < kFewest || 2 * std::ssize(hands) <= std::ssize(labels)) return {};
  std::vector<float> bones;
  for (const Joints& joints : hands) {
    bones.push_back(bone(joints, kMiddleMcp, kMiddlePip));
    const float bend = bend_of_right_hand(joints);
    look.sided += std::abs(bend) > kBent;
    look.left += bend < -kBent;
  }
  const auto middle = bones.begin() + std::ssize(bones) / 2;
  std::nth_element(bones.begin(), middle, bones.end());
  look.unit = unit_of(*middle);
  return look;
}

}  // namespace peclr
