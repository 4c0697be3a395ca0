// SPDX-License-Identifier: Apache-2.0
// Each direction that light comes from keeps a small map of how far the skin reaches towards it;
// what lies deeper is in the shadow. A lamp and a dome of faint lights make a key shadow and soft
// occlusion between the fingers with the same few lines.
#include "data/synthetic/light.h"

namespace peclr::synthetic {
namespace {

constexpr float kReach = 0.17f;  // metres around the centre in which shadows fall
constexpr int kDome = 11;        // directions of the sky's light

// How finely the shadows of a beam are drawn.
struct ShadowDetail {
  int cells;           // of the map, a side
  float cell;          // metres
  float slack;         // metres over which a shadow sets in
  std::size_t stride;  // every how manieth vertex a map of this coarseness needs
};
constexpr ShadowDetail kFine{104, 0.0034f, 0.0022f, 1}, kCoarse{60, 0.006f, 0.003f, 2};

struct Beam {
  Vec3f towards, colour;
  ShadowDetail map;
};

class ShadowMap {
 public:
  ShadowMap(Vec3f towards, Vec3f centre, const ShadowDetail& detail)
      : towards_(towards),
        centre_(centre),
        cells_(detail.cells),
        per_metre_(1 / detail.cell),
        reach_(static_cast<std::size_t>(detail.cells) * detail.cells, -1e9f) {
    const Vec3f helper = std::abs(towards.x) < 0.7f ? Vec3f{1, 0, 0} : Vec3f{0, 1, 0};
    right_ = normalized(cross(helper, towards)) * per_metre_;
    up_ = cross(towards, right_);
  }

  void add(Vec3f p) {
    const Vec3f d = p - centre_;
    const int x = cell(dot(d, right_)), y = cell(dot(d, up_));
    if (x < 0 || y < 0 || x + 1 >= cells_ || y + 1 >= cells_) return;
    const float reach = dot(d, towards_);
    // Two by two cells, so that neighbouring vertices leave no holes.
    float* row = &reach_[static_cast<std::size_t>(y) * cells_ + x];
    row[0] = std::max(row[0], reach);
    row[1] = std::max(row[1], reach);
    row[cells_] = std::max(row[cells_], reach);
    row[cells_ + 1] = std::max(row[cells_ + 1], reach);
  }

  // 1 = sees the light. `slack` (metres) is the depth over which a shadow sets in.
  float visible(Vec3f p, float slack) const {
    const Vec3f d = p - centre_;
    const float u = dot(d, right_) + 0.5f * static_cast<float>(cells_) - 0.5f;
    const float v = dot(d, up_) + 0.5f * static_cast<float>(cells_) - 0.5f;
    const int x = static_cast<int>(u), y = static_cast<int>(v);
    if (u < 0 || v < 0 || x + 2 >= cells_ || y + 2 >= cells_) return 1;
    const float reach = dot(d, towards_), fx = u - static_cast<float>(x),
                fy = v - static_cast<float>(y);
    const float* row = &reach_[static_cast<std::size_t>(y) * cells_ + x];
    const auto one = [&](float blocker) { return saturate(2 - (blocker - reach) / slack); };
    return mix(mix(one(row[0]), one(row[1]), fx), mix(one(row[cells_]), one(row[cells_ + 1]), fx),
               fy);
  }

 private:
  int cell(float x) const { return floor_to_int(x + 0.5f * static_cast<float>(cells_) - 0.5f); }

  Vec3f towards_, centre_, right_, up_;
  int cells_;
  float per_metre_;
  std::vector<float> reach_;
};

Vec3f dome_direction(int i) {  // Fibonacci's spiral on the sphere
  const float y = 1 - 2 * (static_cast<float>(i) + 0.5f) / kDome;
  const float r = std::sqrt(1 - y * y), turn = 2.399963f * static_cast<float>(i);
  return {r * std::cos(turn), y, r * std::sin(turn)};
}

}  // namespace

Lighting sample_lighting(Rng& rng) {
  Lighting light;
  light.towards_lamp =
      normalized({rng.uniform(-1, 1), rng.uniform(-1.3f, 0.25f), rng.uniform(-1.1f, 0.2f)});
  const float total = rng.uniform(0.78f, 1.25f), lamp = rng.uniform(0.25f, 0.80f);
  const float warm = 0.05f * bell(rng);
  light.lamp = Vec3f{1 + warm, 1, 1 - 1.4f * warm} * (1.25f * total * lamp);
  const float cool = warm - 0.05f * rng.uniform();
  const Vec3f ambient = Vec3f{1 + cool, 1, 1 - 1.2f * cool} * (total * (1 - lamp));
  const float slope = rng.uniform(0.1f, 0.6f);
  light.sky = ambient * (1 + slope);
  light.ground =
      ambient * (1 - slope) *
      Vec3f{rng.uniform(0.95f, 1.15f), rng.uniform(0.92f, 1.08f), rng.uniform(0.8f, 1.05f)};
  return light;
}

LitSkin light_skin(const PosedSkin& skin, const std::vector<std::int32_t>& seen,
                   const Lighting& lighting, Vec3f centre) {
  const std::size_t count = skin.position.size();
  LitSkin lit{std::vector<Vec3f>(count, Vec3f{0, 0, 0}), std::vector<float>(count, 0.0f)};
  std::vector<std::int32_t> casters;  // most of the forearm is too far off to shade the hand
  for (std::size_t i = 0; i < count; ++i) {
    const Vec3f d = skin.position[i] - centre;
    if (dot(d, d) < kReach * kReach) casters.push_back(static_cast<std::int32_t>(i));
  }
  const auto shine = [&](const Beam& beam) {
    ShadowMap map(beam.towards, centre, beam.map);
    // What faces away lies behind what faces the light.
    for (std::size_t c = 0; c < casters.size(); c += beam.map.stride)
      if (dot(skin.normal[casters[c]], beam.towards) > -0.1f) map.add(skin.position[casters[c]]);
    for (const std::int32_t i : seen) {
      const float cosine = dot(skin.normal[i], beam.towards);
      // Light that enters the skin leaves it a little further on, red light the furthest.
      if (cosine < -0.28f) continue;
      const Vec3f wrapped{(cosine + 0.28f) / 1.28f, std::max(0.0f, (cosine + 0.14f) / 1.14f),
                          std::max(0.0f, (cosine + 0.10f) / 1.10f)};
      const float visible = map.visible(skin.position[i] + skin.normal[i] * (0.8f * beam.map.cell),
                                        beam.map.slack * mix(3.0f, 1.0f, saturate(cosine)));
      lit.irradiance[i] = lit.irradiance[i] + wrapped * beam.colour * visible;
      lit.lamp_share[i] = visible;  // the lamp is the last beam
    }
  };
  for (int i = 0; i < kDome; ++i) {
    const Vec3f towards = dome_direction(i);
    // 4 / kDome: a surface that sees half of the dome then gets the colour itself.
    const Vec3f colour =
        mix(lighting.sky, lighting.ground, 0.5f + 0.5f * towards.y) * (4.0f / kDome);
    shine({towards, colour, kCoarse});
  }
  std::fill(lit.lamp_share.begin(), lit.lamp_share.end(), 0.0f);
  shine({lighting.towards_lamp, lighting.lamp, kFine});
  return lit;
}

}  // namespace peclr::synthetic
