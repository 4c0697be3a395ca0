// SPDX-License-Identifier: Apache-2.0
// Colours on OpenCV's 8-bit scale: red, green, blue, saturation and value 0..255, hue 0..179 in
// steps of two degrees, all whole numbers held in floats. Written without branches, and so that
// contracting a product and a sum to one instruction cannot change a result: every instruction set
// and device gives the same bits.
#pragma once
#include <cmath>

#include "kernels/host_device.h"

namespace peclr {

struct Rgb {
  float r = 0, g = 0, b = 0;
};

struct Hsv {
  float h = 0, s = 0, v = 0;
};

// The reference's jitter: hue and saturation are multiplied, value is multiplied and shifted; each
// is then limited to 0..255 and truncated. Factors are not negative.
struct ColourJitter {
  float hue = 1, saturation = 1, value_gain = 1, value_offset = 0;
};

}  // namespace peclr

PECLR_BEGIN

// Own minimum and maximum, for what is no NaN: std::fmin's rules for those keep loops from being
// vectorised, while a GPU has instructions with just these rules.
PECLR_HD inline float least(float a, float b) {
#if defined(__CUDA_ARCH__)
  return fminf(a, b);
#else
  return a < b ? a : b;
#endif
}
PECLR_HD inline float largest(float a, float b) {
#if defined(__CUDA_ARCH__)
  return fmaxf(a, b);
#else
  return a > b ? a : b;
#endif
}
// For 0 <= x < 2^23. On a GPU conversions have an eighth of the speed of sums: x + 2^23 has no room
// for a fraction, and is rounded towards zero.
PECLR_HD inline float truncate(float x) {
#if defined(__CUDA_ARCH__)
  return __fadd_rz(x, 0x1p23f) - 0x1p23f;
#else
  return static_cast<float>(static_cast<int>(x));
#endif
}
// a * b truncated, for 0 <= a * b < 2^22. A GPU truncates the exact product, so no whole number may
// lie within a rounding error above it.
PECLR_HD inline float truncated_product(float a, float b) {
#if defined(__CUDA_ARCH__)
  return __fmaf_rz(a, b, 0x1p23f) - 0x1p23f;
#else
  return truncate(a * b);
#endif
}
// a * b rounded down, for -256 < a * b < 2^11, a whole a and b = 2^-n, n <= 12.
PECLR_HD inline float floor_of_product(float a, float b) {
#if defined(__CUDA_ARCH__)
  return __fmaf_rd(a, b, 0x1.8p23f) - 0x1.8p23f;
#else
  return truncate(a * b + 256) - 256;
#endif
}
// a / b to the nearest whole number, for 0 <= a / b < 2^22; from the middle between two of them it
// must be further than three units in its last place.
PECLR_HD inline float rounded_quotient(float a, float b) {
#if defined(__CUDA_ARCH__)
  float reciprocal;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(reciprocal) : "f"(b));
  return __fmaf_rn(a, reciprocal, 0x1p23f) - 0x1p23f;
#else
  return truncate(a / b + 0.5f);
#endif
}
// a * b, not negative, that no sum behind it is contracted with.
PECLR_HD inline float separate_product(float a, float b) {
#if defined(__CUDA_ARCH__)
  return __fmul_rn(a, b);
#else
  return largest(0, a * b);
#endif
}

// numerator * scale / denominator to the nearest, by way of a reciprocal in 1/4096 that is itself
// rounded: OpenCV's fixed-point division, to the unit. Exact in a float as long as the quotient
// stays below 4096. With a scale of 30 or 255 the reciprocal is never within a rounding error of
// the middle between two whole numbers: 2 * 4096 * scale has few odd divisors.
PECLR_HD inline float fixed_quotient(float numerator, float scale, float denominator) {
  const float reciprocal = rounded_quotient(scale * 4096, largest(denominator, 1));
  return floor_of_product(numerator * reciprocal + 2048, 1.0f / 4096);
}

// Equal to OpenCV's 8-bit conversion.
PECLR_HD inline Hsv rgb_to_hsv(Rgb c) {
  const float v = largest(c.r, largest(c.g, c.b));
  const float range = v - least(c.r, least(c.g, c.b));
  // Position on the hue circle, in units of range: -1..5.
  const float if_green = c.b - c.r + 2 * range, if_blue = c.r - c.g + 4 * range;
  const float if_not_red = v == c.g ? if_green : if_blue;
  const float position = v == c.r ? c.g - c.b : if_not_red;
  const float hue = fixed_quotient(position, 30, range);
  return {hue < 0 ? hue + 180 : hue, fixed_quotient(range, 255, v), v};
}

PECLR_HD inline float limit_level(float x) { return largest(0, least(255, x)); }

// A channel is v (1 - s * depth) with depth rising and falling linearly along the hue circle, in
// thirtieths here: to 30 at a hue of 90 for red, 150 for green, 30 for blue, and on the other side
// of 0 again. Truncated, as OpenCV does. Hue 0..179.
PECLR_HD inline Rgb hsv_to_rgb(Hsv c) {
  constexpr float kWhole = 255 * 30;
  constexpr float kShare = (1 + 0x1p-23f) / kWhole;  // whole results stay whole, others below them
  const float full = c.v * kWhole, part = c.v * c.s;
  const auto channel = [&](float height) {
    const float depth = largest(0, least(30, height));
    return truncated_product(full - part * depth, kShare);
  };
  const auto tent = [](float from_top) { return 60 - std::fabs(from_top); };
  const float red = c.h - 90, green = c.h - 150, blue = c.h - 30;
  return {channel(tent(red)), channel(largest(tent(green), -blue)),
          channel(largest(tent(blue), green))};
}

PECLR_HD inline Hsv jitter_hsv(Hsv c, ColourJitter jitter) {
  constexpr float kSlack = 1e-4f;  // 20 * 0.35 is 7 in decimal and must stay so
  const float h = truncate(least(255, c.h * jitter.hue) + kSlack);
  const float s = truncate(least(255, c.s * jitter.saturation) + kSlack);
  const float v = separate_product(c.v, jitter.value_gain) + jitter.value_offset;
  return {h < 180 ? h : h - 180, s, truncate(limit_level(v) + kSlack)};
}

// ITU-R BT.601 luma in fourteen bits, rounded, as OpenCV computes it.
PECLR_HD inline float luma(Rgb c) {
  return truncate((c.r * 4899 + c.g * 9617 + c.b * 1868 + 8192) * (1.0f / 16384));
}

PECLR_END
