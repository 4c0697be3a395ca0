// SPDX-License-Identifier: Apache-2.0
#include "data/synthetic/skin.h"

namespace peclr::synthetic {
namespace {

// Carries a resting vertex of the template over to the resting hand of another shape.
class Reshape {
 public:
  Reshape(const HandShape& shape, const RestHand& to)
      : shape_(shape), from_(rest_hand(template_shape())), to_(to) {}

  Vec3f palm(const SkinVertex& v) const { return v.rest * shape_.palm + v.normal * shape_.fat; }

  Vec3f finger(const SkinVertex& v, const Bond& bond) const {
    Vec3f p = palm(v);
    for (int k = 0; k < kSegments; ++k) {
      if (bond.shares[k] <= 0) break;
      if (k + 1 < kSegments && bond.shares[k + 1] >= 1) continue;
      p = mix(p, segment(v.rest, bond.finger, k), bond.shares[k]);
    }
    return p;
  }

 private:
  Vec3f segment(Vec3f p, int f, int k) const {
    const RestFinger& finger = from_.fingers[f];
    const Vec3f d = p - from_.joints[joint_of(f, k)];
    return to_.joints[joint_of(f, k)] + finger.axis * (dot(d, finger.axis) * shape_.thickness[f]) +
           finger.along[k] * (dot(d, finger.along[k]) * shape_.length[f][k]) +
           finger.palmar[k] * (dot(d, finger.palmar[k]) * shape_.thickness[f]);
  }

  const HandShape& shape_;
  RestHand from_;
  const RestHand& to_;
};

}  // namespace

PosedSkin pose_skin(const HandTemplate& hand, const HandShape& shape, const Articulation& pose,
                    const Look& look, const View& view) {
  const Reshape reshape(shape, pose.rest);
  const std::size_t count = hand.vertices.size();
  PosedSkin skin{std::vector<Vec3f>(count), std::vector<Vec3f>(count, Vec3f{0, 0, 0})};
  for (std::size_t i = 0; i < count; ++i) {
    const SkinVertex& v = hand.vertices[i];
    Vec3f p{0, 0, 0};
    if (v.bonds[0].shares[0] <= 0 && v.bonds[1].shares[0] <= 0)
      p = reshape.palm(v) + v.normal * sleeve_height(look, v);
    else
      for (const Bond& bond : v.bonds)
        if (bond.weight > 0)
          p = p + bend(pose, bond.finger, reshape.finger(v, bond), bond.shares) * bond.weight;
    if (v.forearm > 0) p = rotate(share_of(pose.forearm, v.forearm), p);
    skin.position[i] = to_camera(view, p * shape.metres);
  }
  for (const SkinTriangle& triangle : hand.triangles) {
    const auto& [a, b, c] = triangle.corner;
    const Vec3f area =
        cross(skin.position[b] - skin.position[a], skin.position[c] - skin.position[a]);
    for (const std::int32_t i : triangle.corner) skin.normal[i] = skin.normal[i] + area;
  }
  for (Vec3f& normal : skin.normal) normal = normal * (1 / std::sqrt(dot(normal, normal) + 1e-30f));
  return skin;
}

}  // namespace peclr::synthetic
