// SPDX-License-Identifier: Apache-2.0
#include "data/synthetic/field.h"

namespace peclr::synthetic {
namespace {

constexpr float kFingerToPalm = 6;  // millimetres of blending
constexpr float kFar = 14;          // beyond this the distance to a group's box is good enough

float smooth_min(float a, float b, float blend) {
  const float h = std::max(blend - std::abs(a - b), 0.0f);
  return std::min(a, b) - h * h / (4 * blend);
}

float cone_distance(const RoundCone& cone, Vec3f p) {
  float t;
  const float axis = segment_distance(p, cone.a, cone.b, &t);
  return axis - mix(cone.ra, cone.rb, t);
}

std::vector<RoundCone> palm_cones(const RestHand& rest) {
  const auto& j = rest.joints;
  std::vector<RoundCone> cones;
  const auto add = [&](Vec3f a, Vec3f b, float ra, float rb, float blend) {
    cones.push_back({a, b, ra, rb, blend});
  };
  // Radius and ulna; the wrist is the narrowest place.
  for (const float side : {1.0f, -1.0f}) {
    add({side * 11.5f, 0, 0}, {side * 14, -110, -1}, 14.3f, 17.5f, 12);
    add({side * 14, -110, -1}, {side * 17, -kForearmLength, -2}, 17.5f, 25, 12);
  }
  for (const int base : {5, 9, 13, 17}) {
    const Vec3f carpal{j[base].x * 0.5f, 8, 0};
    add(carpal, j[base], 12.5f, base == 17 ? 8.6f : 9.8f, 10);
    // Knuckle, and the pad below it.
    const Vec3f below{0, -4, 2.5f};
    add(j[base] + below, j[base] + below, 10.2f, 10.2f, 5);
  }
  const Vec3f thumb_knuckle = j[2];
  add({13, 12, 8}, mix(j[1], thumb_knuckle, 0.72f) + Vec3f{-5, 2, 2}, 10.5f, 11.5f, 11);  // thenar
  add({13, 30, 9}, {20, 40, 13}, 9.5f, 9, 8);
  add({-15, 13, 5}, {-27, 46, 7}, 11.0f, 9.7f, 11);  // hypothenar
  // The fold of skin between thumb and index.
  add({24, 32, 6}, {27, 52, 7}, 8.5f, 5.5f, 9);
  add(mix(j[1], thumb_knuckle, 0.8f), {25, 62, 3}, 6, 4.5f, 8);
  // The webs between the fingers.
  for (const int base : {5, 9, 13}) {
    const Vec3f a = mix(j[base], j[base + 1], 0.33f), b = mix(j[base + 4], j[base + 5], 0.36f);
    add(a + Vec3f{0, 0, 1}, b + Vec3f{0, 0, 1}, 5.2f, 5.2f, 5);
  }
  // Tendons on the back.
  for (const int base : {5, 9, 13})
    add({j[base].x * 0.3f, 14, -12.5f}, j[base] + Vec3f{0, -3, -9.2f}, 1.5f, 1.9f, 4);
  return cones;
}

std::vector<RoundCone> finger_cones(const RestHand& rest, int finger) {
  const auto& radius = finger_radius(finger);
  std::vector<RoundCone> cones;
  for (int k = 0; k < kSegments; ++k) {
    const Vec3f a = rest.joints[joint_of(finger, k)];
    const Vec3f along = rest.fingers[finger].along[k], palmar = rest.fingers[finger].palmar[k];
    Vec3f b = rest.joints[joint_of(finger, k + 1)];
    const float ra = radius[k], rb = radius[k + 1];
    const bool tip = k == kSegments - 1, metacarpal = finger == 0 && k == 0;
    if (tip) b = b - along * (rb - 2.2f);  // the joint called tip lies just under the skin
    // Bones run nearer to the back; the flesh under them is what a crease divides.
    cones.push_back({a - palmar * 0.5f, b - palmar * 0.4f, ra * 0.99f, rb * 0.99f, 4});
    const Vec3f pad = mix(a, b, tip ? 0.62f : 0.5f) + palmar * (tip ? 1.5f : 2.1f);
    const float length_share = tip ? 0.20f : 0.16f;
    const Vec3f reach = (b - a) * length_share;
    if (!metacarpal)
      cones.push_back({pad - reach, pad + reach, mix(ra, rb, 0.5f) * 0.88f,
                       mix(ra, rb, 0.5f) * (tip ? 0.84f : 0.88f), 4});
    if (k > 0) {  // the joint itself: a little wider than the bones, and higher on the back
      const Vec3f side = rest.fingers[finger].axis * (ra * 0.08f);
      cones.push_back(
          {a - side - palmar * 0.9f, a + side - palmar * 0.9f, ra * 0.94f, ra * 0.94f, 4});
    }
  }
  return cones;
}

}  // namespace

float FleshField::Group::distance(Vec3f p) const {
  const Vec3f out{std::max({low.x - p.x, p.x - high.x, 0.0f}),
                  std::max({low.y - p.y, p.y - high.y, 0.0f}),
                  std::max({low.z - p.z, p.z - high.z, 0.0f})};
  const float box = dot(out, out);
  if (box > kFar * kFar) return std::sqrt(box);
  float distance = cone_distance(cones[0], p);
  for (std::size_t i = 1; i < cones.size(); ++i)
    distance = smooth_min(distance, cone_distance(cones[i], p), cones[i].blend);
  return distance;
}

FleshField::FleshField(const RestHand& rest) {
  const auto fill = [](Group& group, std::vector<RoundCone> cones) {
    group = {std::move(cones), {1e9f, 1e9f, 1e9f}, {-1e9f, -1e9f, -1e9f}};
    for (const RoundCone& cone : group.cones)
      for (const auto& [p, r] : {std::pair{cone.a, cone.ra}, std::pair{cone.b, cone.rb}}) {
        group.low = {std::min(group.low.x, p.x - r), std::min(group.low.y, p.y - r),
                     std::min(group.low.z, p.z - r)};
        group.high = {std::max(group.high.x, p.x + r), std::max(group.high.y, p.y + r),
                      std::max(group.high.z, p.z + r)};
      }
  };
  fill(palm_, palm_cones(rest));
  for (int f = 0; f < kFingers; ++f) fill(fingers_[f], finger_cones(rest, f));
}

float FleshField::operator()(Vec3f p) const {
  const float palm = palm_.distance(p);
  float nearest = palm;
  for (const Group& finger : fingers_)
    nearest = std::min(nearest, smooth_min(palm, finger.distance(p), kFingerToPalm));
  return nearest;
}

Vec3f FleshField::gradient(Vec3f p) const {
  constexpr float h = 0.25f;
  const auto& f = *this;
  return Vec3f{f({p.x + h, p.y, p.z}) - f({p.x - h, p.y, p.z}),
               f({p.x, p.y + h, p.z}) - f({p.x, p.y - h, p.z}),
               f({p.x, p.y, p.z + h}) - f({p.x, p.y, p.z - h})} *
         (0.5f / h);
}

}  // namespace peclr::synthetic
