// SPDX-License-Identifier: Apache-2.0
#include "data/synthetic/develop.h"

namespace peclr::synthetic {
namespace {

struct Camera {
  float blur;      // 0..1 share of each pixel's neighbours
  float noise;     // standard deviation, of 255
  float vignette;  // darkening of the corners
  Vec3f white;     // balance
};

Camera sample_camera(Rng& rng) {
  const float warm = 0.06f * bell(rng);
  return {rng.uniform(0, 0.75f),
          rng.uniform(0.6f, 4.2f),
          rng.uniform(0, 0.35f),
          {1 + warm, 1, 1 - warm}};
}

// (1 - b, b) mix with the binomial filter [1 2 1] / 4 along both axes.
void soften(std::vector<Vec3f>& pixels, int side, float blur) {
  const float outer = blur / 4, inner = 1 - 2 * outer;
  for (int y = 0; y < side; ++y) {
    Vec3f* row = &pixels[static_cast<std::size_t>(y) * side];
    Vec3f before = row[0];
    for (int x = 0; x < side; ++x) {
      const Vec3f here = row[x], after = row[std::min(x + 1, side - 1)];
      row[x] = here * inner + (before + after) * outer;
      before = here;
    }
  }
  std::vector<Vec3f> above(pixels.begin(), pixels.begin() + side);
  for (int y = 0; y < side; ++y) {
    Vec3f* row = &pixels[static_cast<std::size_t>(y) * side];
    const Vec3f* below = y + 1 < side ? row + side : row;
    for (int x = 0; x < side; ++x) {
      const Vec3f here = row[x];
      row[x] = here * inner + (above[x] + below[x]) * outer;
      above[x] = here;
    }
  }
}

// Linear light in [0, 1] to sRGB's 0..255; highlights roll off instead of clipping.
const std::vector<float>& tone_curve() {
  static const std::vector<float> curve = [] {
    std::vector<float> table(4097);
    for (std::size_t i = 0; i < table.size(); ++i) {
      const float light = 2 * static_cast<float>(i) / 4096;
      const float rolled =
          light < 0.6f ? light : 0.6f + 0.4f * (1 - std::exp(-(light - 0.6f) / 0.4f));
      table[i] = 255 * std::pow(rolled, 1 / 2.2f);
    }
    return table;
  }();
  return curve;
}

}  // namespace

Image develop(std::vector<Vec3f> pixels, int side, Rng& rng) {
  const Camera camera = sample_camera(rng);
  soften(pixels, side, camera.blur);
  const float* curve = tone_curve().data();
  Image image(side, side);
  const float centre = 0.5f * static_cast<float>(side - 1);
  const std::uint64_t grain = rng.next();
  for (int y = 0; y < side; ++y)
    for (int x = 0; x < side; ++x) {
      const std::size_t at = static_cast<std::size_t>(y) * side + x;
      const float dx = (static_cast<float>(x) - centre) / centre,
                  dy = (static_cast<float>(y) - centre) / centre;
      const Vec3f light =
          pixels[at] * camera.white * ((1 - camera.vignette * 0.5f * (dx * dx + dy * dy)) * 2048);
      std::uint64_t bits = mix64(grain + at * 0x9E3779B97F4A7C15ull);
      const auto shaken = [&](float value) {
        // Two bytes make a triangular distribution of standard deviation 104.5.
        const float noise = static_cast<float>(static_cast<int>(bits & 255) +
                                               static_cast<int>(bits >> 8 & 255) - 255);
        bits >>= 16;
        const float byte = curve[static_cast<int>(std::clamp(value, 0.0f, 4096.0f))] +
                           noise * (camera.noise / 104.5f);
        return static_cast<std::uint8_t>(std::clamp(byte + 0.5f, 0.0f, 255.0f));
      };
      std::uint8_t* out = &image.pixels[4 * at];
      out[0] = shaken(light.x);
      out[1] = shaken(light.y);
      out[2] = shaken(light.z);
      out[3] = 255;
    }
  return image;
}

}  // namespace peclr::synthetic
