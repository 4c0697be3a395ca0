// SPDX-License-Identifier: Apache-2.0
#include "data/synthetic/view.h"

namespace peclr::synthetic {
namespace {

constexpr float kNear = 0.14f;                       // metres: nothing of the arm comes closer
constexpr float kFocalLow = 200, kFocalHigh = 1120;  // pixels of a 224 picture, as in FreiHAND
constexpr float kMargin = 0.03f;  // share of the side kept free around the joints

Quat uniform_rotation(Rng& rng) {  // Shoemake 1992
  const float u = rng.uniform(), a = 2 * kPi * rng.uniform(), b = 2 * kPi * rng.uniform();
  const float s = std::sqrt(1 - u), t = std::sqrt(u);
  return {s * std::sin(a), s * std::cos(a), t * std::sin(b), t * std::cos(b)};
}

// Two views of three look at the palm, the back or a side of the hand, fingers mostly upwards; the
// others are uniform over all rotations.
Quat sample_rotation(Rng& rng) {
  if (rng.below(3) == 0) return uniform_rotation(rng);
  // Half a turn about x: the palm's y goes up (camera -y) and its z to the camera (camera -z).
  const Quat palm_view = axis_angle({1, 0, 0}, kPi);
  const bool any_side = rng.below(4) == 0;
  const float front = rng.below(2) ? kPi : 0.0f;
  const float about_arm = any_side ? rng.uniform(-kPi, kPi) : front + radians(28) * bell(rng);
  const float tilt = radians(24) * bell(rng), in_plane = radians(45) * bell(rng);
  return axis_angle({0, 0, 1}, in_plane) * axis_angle({1, 0, 0}, tilt) * palm_view *
         axis_angle({0, 1, 0}, about_arm);
}

struct Box {
  float left = 1e9f, top = 1e9f, right = -1e9f, bottom = -1e9f;
};

// Of the joints' projections, for a focal length of 1.
Box bounds(const View& view, const std::array<Vec3f, kJoints>& joints) {
  Box box;
  for (const Vec3f& joint : joints) {
    const Vec3f p = to_camera(view, joint);
    box.left = std::min(box.left, p.x / p.z);
    box.right = std::max(box.right, p.x / p.z);
    box.top = std::min(box.top, p.y / p.z);
    box.bottom = std::max(box.bottom, p.y / p.z);
  }
  return box;
}

}  // namespace

Vec3f to_camera(const View& view, Vec3f p) { return rotate(view.rotation, p) + view.translation; }

View sample_view(Rng& rng, const std::array<Vec3f, kJoints>& joints, Vec3f elbow, int side) {
  const float pixels = static_cast<float>(side), unit = pixels / 224;
  View view;
  for (;;) {
    view.rotation = sample_rotation(rng);
    const float depth = rng.uniform(0.36f, 0.92f), fill = rng.uniform(0.42f, 0.73f);
    const float room = std::max(0.0f, 0.5f - fill / 2 - kMargin);
    // Offset of the hand's box from the centre of the picture, as a share of the side.
    const float dx = std::clamp(0.05f * bell(rng), -room, room);
    const float dy = std::clamp(0.05f * bell(rng), -room, room);
    view.translation = {0, 0, depth};
    float focal = 0;
    for (int round = 0; round < 6; ++round) {  // moving the hand changes its perspective a little
      const Box box = bounds(view, joints);
      focal = fill * pixels / std::max(box.right - box.left, box.bottom - box.top);
      view.translation.x += depth * (dx * pixels / focal - (box.left + box.right) / 2);
      view.translation.y += depth * (dy * pixels / focal - (box.top + box.bottom) / 2);
    }
    if (focal < kFocalLow * unit || focal > kFocalHigh * unit) continue;
    if (to_camera(view, elbow).z < kNear) continue;
    const float ratio = 1 + 0.0005f * bell(rng);
    view.K = {{focal, 0, pixels / 2, 0, focal * ratio, pixels / 2, 0, 0, 1}};
    bool inside = true;
    for (const Vec3f& joint : joints) {
      const Vec3f p = to_camera(view, joint);
      const Vec2f uv = project(view.K, p);
      const float low = kMargin * pixels / 2, high = pixels - 1 - low;
      inside = inside && p.z > 0.2f && uv.x > low && uv.x < high && uv.y > low && uv.y < high;
    }
    if (inside) return view;
  }
}

}  // namespace peclr::synthetic
