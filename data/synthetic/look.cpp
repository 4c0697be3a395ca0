// SPDX-License-Identifier: Apache-2.0
#include "data/synthetic/look.h"

namespace peclr::synthetic {
namespace {

struct Rgb {
  float r, g, b;
};

// From very light to very dark; sRGB bytes of photographed backs of hands in white light.
constexpr std::array<Rgb, 7> kTones{{{238, 200, 178},
                                     {225, 180, 150},
                                     {206, 157, 124},
                                     {178, 127, 93},
                                     {140, 95, 67},
                                     {103, 68, 49},
                                     {74, 50, 39}}};

float line(float x, float at, float half_width) {
  const float d = (x - at) / half_width;
  return std::max(0.0f, 1 - d * d);
}

SkinMark darken(float depth) {  // creases look redder, not grey
  return {{1 - 0.75f * depth, 1 - depth, 1 - 1.05f * depth}, 1 - depth};
}

SkinMark nail_mark(const Look& look, const SkinPlace& place, bool thumb) {
  const float x = place.across / (thumb ? 0.80f : 0.74f);
  const float y = (place.along - 2.75f) / 0.27f;
  const float q = x * x * x * x + y * y * y * y;  // 1 on the rim of a rounded rectangle
  if (q > 2.4f) return {};
  if (q > 1) {  // the fold of skin around it
    SkinMark mark = darken(0.30f * look.crease * (1 - smooth_step(1.0f, 2.4f, q)));
    mark.shine = 1;
    return mark;
  }
  Vec3f tint = look.nail;
  const float moon = smooth_step(-0.50f, -0.72f, y + 0.25f * x * x);
  tint = mix(tint, {1.22f, 1.26f, 1.26f}, 0.6f * moon);
  const float edge = 1 - look.nail_length / 0.27f - 0.25f * x * x;
  tint = mix(tint, {1.3f, 1.4f, 1.4f}, 0.85f * smooth_step(edge - 0.06f, edge + 0.06f, y));
  return {tint * (1 - 0.25f * smooth_step(0.62f, 1.0f, q)), 5};
}

SkinMark finger_mark(const Look& look, bool thumb, const SkinPlace& p) {
  if (p.along > 2.40f && p.palmar < 0.12f && std::abs(p.across) < 1.05f) {
    const SkinMark nail = nail_mark(look, p, thumb);
    if (nail.shine != 1 || nail.factor.x != 1) return nail;
  }
  float depth = 0;
  const float inner = smooth_step(-0.15f, 0.45f, p.palmar);
  if (inner > 0) {
    const float wave = 0.012f * p.across * p.across;
    depth = 0.8f * line(p.along, 0.975f + wave, 0.030f) +
            0.6f * line(p.along, 1.05f - wave, 0.026f) + 0.9f * line(p.along, 1.98f + wave, 0.036f);
    if (thumb)
      depth += 0.5f * line(p.along, 2.07f, 0.03f);
    else
      depth +=
          0.7f * line(p.along, 0.43f + wave, 0.026f) + 0.5f * line(p.along, 0.51f - wave, 0.024f);
    // The flexed skin on both sides of a crease bulges and catches less light.
    depth = inner * (0.42f * depth + 0.10f * (line(p.along, 1, 0.16f) + line(p.along, 2, 0.16f)));
  }
  const float outer = smooth_step(-0.25f, -0.65f, p.palmar);
  if (outer > 0) {
    const auto wrinkles = [&](float at, float reach, float spacing) {
      const float d = p.along - at + 0.02f * p.across * p.across;
      const float window = line(d, 0, reach);
      if (window <= 0) return 0.0f;
      const float phase = std::abs(d / spacing - std::round(d / spacing));  // 0 on a wrinkle
      return window * line(phase, 0, 0.42f);
    };
    depth += outer * (0.24f * wrinkles(1, 0.20f, 0.066f) + 0.16f * wrinkles(2, 0.13f, 0.062f));
  }
  return darken(std::min(depth * look.crease, 0.6f));
}

}  // namespace

Vec3f linear(float red, float green, float blue) {
  const auto one = [](float byte) { return std::pow(byte / 255, 2.2f); };
  return {one(red), one(green), one(blue)};
}

Look sample_look(Rng& rng) {
  Look look;
  const float tone = rng.uniform() * (kTones.size() - 1.001f);
  const int below = static_cast<int>(tone);
  const auto at = [](const Rgb& c) { return linear(c.r, c.g, c.b); };
  look.back = mix(at(kTones[below]), at(kTones[below + 1]), tone - static_cast<float>(below));
  const float warm = 0.05f * bell(rng), grey = dot(look.back, {0.3f, 0.6f, 0.1f});
  look.back = mix(look.back, Vec3f{grey, grey, grey}, rng.uniform(0, 0.22f));
  look.back = look.back * Vec3f{1 + warm, 1 + 0.02f * bell(rng), 1 - warm};
  // Palms hold little pigment: the darker the skin, the greater the difference.
  const Vec3f pale = linear(226, 170, 142);
  look.palm = mix(look.back, pale, mix(0.15f, 0.42f, tone / 6)) * Vec3f{1.04f, 0.97f, 0.95f};
  look.nail = Vec3f{1.06f, 1.0f, 1.02f} * rng.uniform(1.0f, 1.15f);
  if (rng.below(9) == 0)  // varnished
    look.nail = Vec3f{rng.uniform(0.3f, 1.2f), rng.uniform(0.05f, 0.5f), rng.uniform(0.1f, 0.8f)};
  look.nail_length = rng.uniform(0.01f, 0.09f);
  look.red = rng.uniform(0.3f, 0.9f);
  look.mottle = rng.uniform(0.04f, 0.12f);
  look.vein = rng.uniform(0, 0.35f);
  look.crease = rng.uniform(0.65f, 1.15f);
  look.gloss = rng.uniform(0.02f, 0.10f);
  look.sleeve = rng.below(100) < 45;
  look.cuff = rng.below(3) == 0 ? rng.uniform(-160, -60) : rng.uniform(-60, -28);
  look.cloth_thickness = rng.uniform(2.5f, 6.0f);
  const auto cloth = [&] {
    const float value = rng.uniform(0.02f, 0.65f), hue = rng.uniform(0, 0.75f);
    return Vec3f{mix(value, value * rng.uniform(0.2f, 1.4f), hue),
                 mix(value, value * rng.uniform(0.2f, 1.4f), hue),
                 mix(value, value * rng.uniform(0.2f, 1.4f), hue)};
  };
  look.cloth = cloth();
  look.cloth_stripe = cloth();
  look.stripe = rng.below(4) == 0 ? rng.uniform(14, 40) : 0;
  return look;
}

float sleeve_height(const Look& look, const SkinVertex& v) {
  if (!look.sleeve || v.rest.y > look.cuff) return 0;
  const float down = look.cuff - v.rest.y;
  const float hem = down < 9 ? 0.8f : 0.0f;
  // Folds lie across the arm, slanting.
  const float fold = std::sin(down * 0.11f + v.rest.x * 0.07f + 6 * v.mottle) *
                     std::sin(down * 0.043f - v.rest.z * 0.08f);
  return look.cloth_thickness * (1 + 0.004f * down) + hem + 1.6f * fold * saturate(down / 20);
}

Vec3f albedo(const Look& look, const SkinVertex& v) {
  if (look.sleeve && v.rest.y <= look.cuff) {
    const float down = look.cuff - v.rest.y;
    const bool striped = look.stripe > 0 && std::fmod(down, look.stripe) < look.stripe / 2;
    const float seam = std::abs(down - 11) < 2.4f ? 0.75f : 1.0f;
    return (striped ? look.cloth_stripe : look.cloth) *
           (seam * (1 + 0.5f * look.mottle * v.mottle));
  }
  Vec3f skin = mix(look.back, look.palm, v.palmar);
  const float red = look.red * v.red + 0.5f * look.mottle * v.mottle;
  skin = skin * Vec3f{1 + 0.06f * red, 1 - 0.20f * red, 1 - 0.17f * red};
  skin = skin * (1 + look.mottle * v.mottle);
  return skin * mix(Vec3f{1, 1, 1}, Vec3f{0.72f, 0.84f, 0.92f}, look.vein * v.vein);
}

SkinMark skin_mark(const Look& look, int finger, const SkinPlace& place) {
  if (finger >= 0) return finger_mark(look, finger == 0, place);
  if (place.across <= 0 || std::abs(place.along) > 4) return {};
  const float depth = 0.40f * line(place.along, 0, 1.1f) + 0.12f * line(place.along, 0, 4);
  return darken(std::min(depth * place.across * look.crease, 0.6f));
}

}  // namespace peclr::synthetic
