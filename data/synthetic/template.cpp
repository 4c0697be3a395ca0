// SPDX-License-Identifier: Apache-2.0
#include "data/synthetic/template.h"

#include "data/synthetic/binding.h"
#include "data/synthetic/surface.h"

namespace peclr::synthetic {
namespace {

// Smooth noise in [-1, 1], one feature a unit.
float lattice(int x, int y, int z) {
  const auto word = [](int v) { return static_cast<std::uint64_t>(static_cast<std::int64_t>(v)); };
  return Rng::of(word(x), word(y), word(z)).uniform(-1, 1);
}
float noise(Vec3f p) {
  const Vec3f cell{std::floor(p.x), std::floor(p.y), std::floor(p.z)};
  const Vec3f t = p - cell;
  const auto ease = [](float s) { return s * s * (3 - 2 * s); };
  float value = 0;
  for (int c = 0; c < 8; ++c) {
    const int dx = c & 1, dy = c >> 1 & 1, dz = c >> 2;
    value += (dx ? ease(t.x) : 1 - ease(t.x)) * (dy ? ease(t.y) : 1 - ease(t.y)) *
             (dz ? ease(t.z) : 1 - ease(t.z)) *
             lattice(static_cast<int>(cell.x) + dx, static_cast<int>(cell.y) + dy,
                     static_cast<int>(cell.z) + dz);
  }
  return value;
}

void tint(SkinVertex& v) {
  const Vec3f p = v.rest;
  const SkinPlace& f = v.on_finger;
  const bool finger = v.bonds[0].shares[0] > 0.6f;
  v.palmar = finger ? smooth_step(-0.25f, 0.55f, f.palmar) : smooth_step(-0.2f, 0.5f, v.normal.z);
  v.palmar *= mix(0.45f, 1.0f, smooth_step(-45, 25, p.y));
  const auto bump = [](float x, float at, float width) {
    return std::exp(-(x - at) * (x - at) / (width * width));
  };
  if (finger) {
    v.red = smooth_step(2.3f, 2.9f, f.along) * 0.8f +
            0.45f * (1 - v.palmar) * (bump(f.along, 1, 0.16f) + 0.7f * bump(f.along, 2, 0.16f));
    v.red *= mix(0.7f, 1.0f, v.palmar) + 0.2f;
  } else {
    const float edge = std::max(smooth_step(24, 36, p.x), smooth_step(-18, -34, p.x));
    v.red = 0.45f * v.palmar * edge + 0.3f * (1 - v.palmar) * smooth_step(60, 80, p.y);
  }
  v.mottle = 0.6f * noise(p * 0.09f) + 0.4f * noise(p * 0.23f + Vec3f{7, 3, 1});
  const bool back = !finger && (v.normal.z < -0.3f || p.y < -25);
  if (back) {
    const float ridge = std::abs(noise({p.x * 0.055f, p.y * 0.022f, 4.7f}));
    v.vein = smooth_step(0.10f, 0.02f, ridge) * smooth_step(-0.1f, -0.5f, v.normal.z);
    if (p.y < -25)
      v.vein = std::max(
          v.vein, 0.5f * smooth_step(0.07f, 0.01f, ridge) * smooth_step(0.2f, 0.7f, v.normal.z));
  }
}

HandTemplate make_template() {
  const RestHand rest = rest_hand(template_shape());
  const FleshField field(rest);
  const Surface surface = surface_of(field);

  HandTemplate hand;
  hand.vertices.resize(surface.points.size());
  for (std::size_t i = 0; i < surface.points.size(); ++i) {
    SkinVertex& v = hand.vertices[i];
    v.rest = surface.points[i];
    v.normal = normalized(field.gradient(v.rest));
    bind(rest, v);
    tint(v);
  }
  for (const auto& corner : surface.triangles) {
    int finger = hand.vertices[corner[0]].bonds[0].finger;
    for (const std::int32_t i : corner) {
      const Bond& bond = hand.vertices[i].bonds[0];
      if (bond.finger != finger || bond.shares[0] < (finger == 0 ? 0.95f : 0.35f)) finger = -1;
      if (finger < 0) break;
    }
    hand.triangles.push_back({corner, finger});
  }
  return hand;
}

}  // namespace

const HandTemplate& hand_template() {
  static const HandTemplate hand = make_template();
  return hand;
}

}  // namespace peclr::synthetic
