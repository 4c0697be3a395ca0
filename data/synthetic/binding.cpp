// SPDX-License-Identifier: Apache-2.0
#include "data/synthetic/binding.h"

namespace peclr::synthetic {
namespace {

// The three great creases of the palm (heart, head, life) as quadratic Bezier curves in the palm's
// plane. `sign` makes neighbouring lines agree about the skin between them, so that interpolation
// does not invent a fourth.
struct PalmLine {
  Vec2f a, b, c;
  float sign;
};
constexpr std::array<PalmLine, 3> kPalmLines{{{{-38, 47}, {-10, 50}, {9, 67}, 1},
                                              {{27, 57}, {4, 56}, {-26, 31}, 1},
                                              {{27, 56}, {1, 49}, {5, 11}, -1}}};

SkinPlace place_in_palm(Vec3f p) {
  SkinPlace place{1e3f, 0, 0};
  constexpr int kPieces = 20;
  for (const PalmLine& line : kPalmLines) {
    Vec2f before = line.a;
    for (int i = 1; i <= kPieces; ++i) {
      const float t = static_cast<float>(i) / kPieces, s = 1 - t;
      const Vec2f now{s * s * line.a.x + 2 * s * t * line.b.x + t * t * line.c.x,
                      s * s * line.a.y + 2 * s * t * line.b.y + t * t * line.c.y};
      float share;
      const Vec3f flat{p.x, p.y, 0}, from{before.x, before.y, 0}, to{now.x, now.y, 0};
      const float distance = segment_distance(flat, from, to, &share);
      if (distance < std::abs(place.along)) {
        const float turn = (to.x - from.x) * (p.y - from.y) - (to.y - from.y) * (p.x - from.x);
        place.along = line.sign * (turn < 0 ? -distance : distance);
        const float way = (static_cast<float>(i - 1) + share) / kPieces;
        place.across = smooth_step(0, 0.15f, std::min(way, 1 - way));
      }
      before = now;
    }
  }
  return place;
}

class Binder {
 public:
  explicit Binder(const RestHand& rest) : rest_(rest) {}

  void bind(SkinVertex& v) const {
    const Vec3f p = v.rest;
    std::array<float, kFingers> away;
    for (int f = 0; f < kFingers; ++f) away[f] = distance(p, f);
    int first = 0, second = 1;
    if (away[1] < away[0]) std::swap(first, second);
    for (int f = 2; f < kFingers; ++f) {
      if (away[f] < away[first])
        second = first, first = f;
      else if (away[f] < away[second])
        second = f;
    }
    const float odds = std::exp(-(away[second] - away[first]) / 2.2f);
    v.bonds[0] = {first, 1 / (1 + odds), shares(p, first)};
    v.bonds[1] = {second, odds / (1 + odds), shares(p, second)};
    if (odds < 0.01f) v.bonds[0].weight = 1, v.bonds[1].weight = 0;
    v.forearm = smooth_step(16, -16, p.y);
    v.on_finger = place(p, first, v.bonds[0].shares);
    v.on_palm = place_in_palm(p);
    v.on_palm.across *= smooth_step(0.15f, 0.5f, v.normal.z) * (1 - v.bonds[0].shares[0]);
  }

 private:
  // From the finger's axis, less its radius there.
  float distance(Vec3f p, int f) const {
    float least = 1e9f;
    for (int k = 0; k < kSegments; ++k) {
      float t;
      const float axis = segment_distance(p, joint(f, k), joint(f, k + 1), &t);
      const auto& radius = finger_radius(f);
      least = std::min(least, axis - mix(radius[k], radius[k + 1], t));
    }
    return least;
  }

  std::array<float, 3> shares(Vec3f p, int f) const {
    const RestFinger& finger = rest_.fingers[f];
    const auto& radius = finger_radius(f);
    std::array<float, 3> shares{};
    for (int k = 0; k < kSegments; ++k) {
      const Vec3f d = p - joint(f, k);
      Vec3f along = finger.along[k];
      if (k > 0) along = normalized(along + finger.along[k - 1]);
      const float t = dot(d, along);
      if (k > 0) {
        const float half = 0.8f * radius[k];
        shares[k] = smooth_step(-half, half, t);
      } else if (f > 0) {
        // The skin folds at the knuckle on the back, but at the web in the palm.
        const float lift = std::clamp(dot(d, finger.palmar[0]), -9.0f, 9.0f);
        shares[k] = smooth_step(-9, 9, t - 2 - 0.5f * lift);
      } else {
        // The ball of the thumb goes with its metacarpal as far as that is nearer than the palm's
        // bones.
        float palm = 1e9f;
        for (const int base : {5, 9, 13})
          palm =
              std::min(palm, segment_distance(p, rest_.joints[base] * 0.12f, rest_.joints[base]));
        const float thumb = segment_distance(p, joint(0, 0), joint(0, 1));
        const float past = smooth_step(20, 42, t);
        shares[k] = smooth_step(-12, 12, t) * std::max(smooth_step(-12, 12, palm - thumb), past);
      }
    }
    // Sides of other joints must not follow a joint they lie before.
    shares[1] *= shares[0] > 0 ? 1.0f : 0.0f;
    shares[2] *= shares[1] > 0 ? 1.0f : 0.0f;
    return shares;
  }

  SkinPlace place(Vec3f p, int f, const std::array<float, 3>& shares) const {
    const RestFinger& finger = rest_.fingers[f];
    const auto& radius = finger_radius(f);
    SkinPlace result;
    for (int k = 0; k < kSegments; ++k) {
      const Vec3f a = joint(f, k), d = p - a;
      const float t = dot(d, finger.along[k]) / length(joint(f, k + 1) - a);
      const float r = mix(radius[k], radius[k + 1], saturate(t));
      const SkinPlace here{static_cast<float>(k) + t, dot(d, finger.axis) / r,
                           dot(d, finger.palmar[k]) / r};
      const float blend = k == 0 ? 1 : shares[k];
      result = {mix(result.along, here.along, blend), mix(result.across, here.across, blend),
                mix(result.palmar, here.palmar, blend)};
    }
    return result;
  }

  const Vec3f& joint(int f, int k) const { return rest_.joints[joint_of(f, k)]; }
  const RestHand& rest_;
};

}  // namespace

void bind(const RestHand& rest, SkinVertex& vertex) { Binder(rest).bind(vertex); }

}  // namespace peclr::synthetic
