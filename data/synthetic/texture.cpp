// SPDX-License-Identifier: Apache-2.0
#include "data/synthetic/texture.h"

#include <cstdint>
#include <vector>

namespace peclr::synthetic {
namespace {

constexpr int kTile = 256;

// A tile of fractal noise about [-1, 1] that repeats seamlessly; made once, sampled at any scale
// and angle.
const std::vector<float>& noise_tile() {
  static const std::vector<float> tile = [] {
    std::vector<float> sum(kTile * kTile, 0.0f);
    float weight = 0.9f;
    for (int cells = 4; cells <= 128; cells *= 2, weight *= 0.62f)
      for (int y = 0; y < kTile; ++y)
        for (int x = 0; x < kTile; ++x) {
          const int step = kTile / cells, cx = x / step, cy = y / step;
          const auto corner = [&](int dx, int dy) {
            return Rng::of(static_cast<std::uint64_t>(cells),
                           static_cast<std::uint64_t>((cx + dx) % cells),
                           static_cast<std::uint64_t>((cy + dy) % cells))
                .uniform(-1, 1);
          };
          const float fx =
              smooth_step(0, 1, static_cast<float>(x % step) / static_cast<float>(step));
          const float fy =
              smooth_step(0, 1, static_cast<float>(y % step) / static_cast<float>(step));
          sum[y * kTile + x] += weight * mix(mix(corner(0, 0), corner(1, 0), fx),
                                             mix(corner(0, 1), corner(1, 1), fx), fy);
        }
    return sum;
  }();
  return tile;
}

float noise(const float* tile, float u, float v) {  // in pixels of the tile
  const int iu = floor_to_int(u), iv = floor_to_int(v);
  const float fu = u - static_cast<float>(iu), fv = v - static_cast<float>(iv);
  const int x = iu & (kTile - 1), y = iv & (kTile - 1);
  const int x1 = (x + 1) & (kTile - 1), y1 = (y + 1) & (kTile - 1);
  return mix(mix(tile[y * kTile + x], tile[y * kTile + x1], fu),
             mix(tile[y1 * kTile + x], tile[y1 * kTile + x1], fu), fv);
}

constexpr std::array<Pattern, 12> kPatterns{Pattern::plain,  Pattern::plain,  Pattern::plain,
                                            Pattern::clouds, Pattern::clouds, Pattern::litter,
                                            Pattern::litter, Pattern::wood,   Pattern::wood,
                                            Pattern::weave,  Pattern::tiles,  Pattern::stripes};

// How far from `light` to `dark` the pattern is at a place.
float share(Pattern pattern, float u, float v) {
  static const float* const tile = noise_tile().data();
  const auto noise_at = [&](float a, float b) { return noise(tile, a, b); };
  switch (pattern) {
    case Pattern::plain:
      return 0.5f + 0.12f * noise_at(u * 0.7f, v * 0.7f);
    case Pattern::clouds:
      return 0.5f + 0.45f * noise_at(u, v);
    case Pattern::litter:
      return saturate(0.5f + 1.6f * noise_at(u * 3.1f, v * 3.1f) * noise_at(v * 2.3f, u * 2.3f) +
                      0.5f * noise_at(u * 5, v * 5));
    case Pattern::wood: {
      const float ring = u * 0.12f + 1.3f * noise_at(u * 0.5f, v * 0.05f);
      return saturate(0.25f + 0.5f * std::abs(2 * fraction(ring) - 1) +
                      0.2f * noise_at(u * 4, v * 0.3f));
    }
    case Pattern::weave:
      return 0.5f + 0.4f * noise_at(u * 6, v * 0.8f) * 0.7f + 0.3f * noise_at(u * 0.8f, v * 6);
    case Pattern::tiles: {
      const float a = fraction(u * (1 / 26.0f)), b = fraction(v * (1 / 26.0f));
      return (a < 0.07f || b < 0.07f ? 1.0f : 0.2f) + 0.15f * noise_at(u, v);
    }
    default: {
      return fraction(u * (1 / 13.0f)) < 0.5f ? 0.9f : 0.1f + 0.1f * noise_at(u, v);
    }
  }
}

}  // namespace

// Most things are greyish or brownish; a few are vivid.
Palette any_palette(Rng& rng) {
  Palette palette;
  for (Vec3f& colour : palette) {
    const float most = rng.uniform(0.25f, 1);
    const float value = 0.02f + 0.75f * most * rng.uniform();
    const float vivid = rng.below(5) == 0 ? 0.8f : 0.35f * rng.uniform();
    const float hue = rng.below(2) ? rng.uniform(0.03f, 0.13f) : rng.uniform();
    const auto channel = [&](float shift) {
      return value *
             mix(1.0f, 0.15f + 0.85f * (0.5f + 0.5f * std::cos(2 * kPi * (hue - shift))), vivid);
    };
    colour = {channel(0), channel(1.0f / 3), channel(2.0f / 3)};
  }
  return palette;
}

Vec3f any_colour(Rng& rng, const Palette& palette) {
  const Vec3f colour = palette[rng.below(palette.size())];
  return colour * rng.uniform(0.6f, 1.35f);
}

Texture Texture::any(Rng& rng, const Palette& palette, float unit) {
  Texture t;
  t.pattern = kPatterns[rng.below(kPatterns.size())];
  t.light = any_colour(rng, palette);
  t.dark = rng.below(3) ? t.light * rng.uniform(0.3f, 0.8f) : any_colour(rng, palette);
  const float angle = rng.uniform(0, 2 * kPi);
  t.cosine = std::cos(angle);
  t.sine = std::sin(angle);
  t.scale = rng.uniform(0.35f, 1.3f) / unit;
  t.du = rng.uniform(0, kTile);
  t.dv = rng.uniform(0, kTile);
  return t;
}

Vec3f Texture::at(float x, float y) const {
  const float u = scale * (cosine * x + sine * y) + du, v = scale * (cosine * y - sine * x) + dv;
  return mix(light, dark, share(pattern, u, v));
}

}  // namespace peclr::synthetic
