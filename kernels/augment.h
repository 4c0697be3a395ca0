// SPDX-License-Identifier: Apache-2.0
// The fused augmentation, one output pixel at a time: rotate, scale, translate, crop, area-like
// resize, colour jitter, colour drop and normalisation in one pass over the source. The CPU loop
// and the CUDA kernel are made of the functions below. Positions are fixed-point and weights are
// 1/256, so that every product is exact in a float and all instruction sets give the same bits. A
// GPU sums whole numbers (LevelSums): it is within 1e-4 of a level, and a level that is rounded, as
// before a change of colour, is at most one off.
#pragma once
#include <cmath>
#include <cstdint>

#include "kernels/bytes.h"
#include "kernels/colour.h"
#include "kernels/geometry.h"

namespace peclr {

// What lies outside the source: black, or the picture mirrored about the centres of its outermost
// pixels.
enum class Border : std::uint8_t { black, reflect };

// What the output holds: (level / 255 - mean) / deviation with ImageNet's statistics, or levels
// 0..255.
enum class PixelScale : std::uint8_t { imagenet, levels };

// One view of one picture. The source is u8 [height, width, 4] (RGBX), at least 2 x 2 pixels.
struct AugmentParams {
  Affine2 to_source;  // from pixel indices of the output to pixel indices of the source
  int samples_x = 1, samples_y = 1;  // bilinear samples an output pixel, spread evenly inside it
  Border border = Border::black;
  PixelScale scale = PixelScale::imagenet;
  bool jitter_colour = false;
  bool drop_colour = false;
  bool swap_red_blue = false;  // hue and luma are computed with red and blue exchanged
  ColourJitter jitter;
};

// A view as the reference describes it: rotate the picture by `angle_deg` about `centre`, keeping
// its canvas, then cut a box out of the rotated picture and resize it to out x out. Pixels of the
// source; OpenCV's conventions.
struct ViewGeometry {
  double angle_deg = 0;
  Vec2f centre;
  double crop_x = 0, crop_y = 0, crop_width = 0, crop_height = 0;
  int out = 128;
};

// AugmentParams for one source size, in the form in which pixels are computed.
struct AugmentPlan {
  std::int32_t width, height;
  // x = xi * i + xj * j + x0 of output pixel (i, j), y likewise; in 2^-kPositionBits source pixels.
  std::int32_t xi, xj, x0, yi, yj, y0;
  std::int32_t samples_x, samples_y;
  Border border;
  bool jitter_colour, drop_colour, swap_red_blue;
  ColourJitter jitter;
  float weight_sum;         // of all taps of a pixel
  float mean[3], scale[3];  // output = (level - mean) * scale, levels 0..255
};

inline constexpr int kPositionBits = 15;
inline constexpr int kWeightBits = 8;
inline constexpr double kMaxPosition = 65535;  // pixels from the origin, see positions_fit

}  // namespace peclr

PECLR_BEGIN

PECLR_HD constexpr float imagenet_mean(int channel) {
  constexpr float kMean[3] = {0.485f, 0.456f, 0.406f};
  return kMean[channel];
}
PECLR_HD constexpr float imagenet_deviation(int channel) {
  constexpr float kDeviation[3] = {0.229f, 0.224f, 0.225f};
  return kDeviation[channel];
}

// Samples an axis for a resize by `scale` source pixels an output pixel: no two are further apart
// than one pixel, up to a limit that only pictures reach which should have been reduced when they
// were read.
inline constexpr int kMostSamples = 16;  // of a pixel, an axis
PECLR_HD inline int samples_for(double scale) {
  constexpr double kSlack = 1e-4;  // a scale of 1 that was computed must not take two samples
  const double samples = std::ceil(scale - kSlack);
  return !(samples > 1) ? 1 : samples < kMostSamples ? static_cast<int>(samples) : kMostSamples;
}

// Whether plan_augment can hold the positions of an out x out view, one pixel around it included.
PECLR_HD inline bool positions_fit(const Affine2& to_source, int out) {
  const double* m = to_source.m;
  for (int corner = 0; corner < 4; ++corner) {
    const double i = corner & 1 ? out : -1, j = corner & 2 ? out : -1;
    const double x = m[0] * i + m[1] * j + m[2], y = m[3] * i + m[4] * j + m[5];
    if (!(std::fabs(x) <= kMaxPosition && std::fabs(y) <= kMaxPosition)) return false;
  }
  return true;
}

// The pixels of a view, without any change of colour.
PECLR_HD inline AugmentParams view_pixels(const ViewGeometry& view) {
  AugmentParams params;
  params.to_source = compose(
      rotate_about(-view.angle_deg, view.centre),
      from_resized_crop(view.crop_x, view.crop_y, view.crop_width, view.crop_height, view.out));
  params.samples_x = samples_for(view.crop_width / view.out);
  params.samples_y = samples_for(view.crop_height / view.out);
  return params;
}

// Requires positions_fit.
PECLR_HD inline AugmentPlan plan_augment(const AugmentParams& params, int width, int height) {
  const auto fixed = [](double x) {
    return static_cast<std::int32_t>(std::floor(x * (1 << kPositionBits) + 0.5));
  };
  const double* m = params.to_source.m;
  AugmentPlan plan;
  plan.width = width;
  plan.height = height;
  plan.xi = fixed(m[0]), plan.xj = fixed(m[1]), plan.x0 = fixed(m[2]);
  plan.yi = fixed(m[3]), plan.yj = fixed(m[4]), plan.y0 = fixed(m[5]);
  plan.samples_x = params.samples_x;
  plan.samples_y = params.samples_y;
  plan.border = params.border;
  plan.jitter_colour = params.jitter_colour;
  plan.drop_colour = params.drop_colour;
  plan.swap_red_blue = params.swap_red_blue;
  plan.jitter = params.jitter;
  plan.weight_sum =
      static_cast<float>(params.samples_x * params.samples_y) * (1 << (2 * kWeightBits));
  const bool imagenet = params.scale == PixelScale::imagenet;
  for (int c = 0; c < 3; ++c) {
    plan.mean[c] = imagenet ? 255 * imagenet_mean(c) : 0;
    plan.scale[c] = imagenet ? 1 / (255 * imagenet_deviation(c)) : 1;
  }
  return plan;
}

// In 2^-kPositionBits source pixels; unsigned, so that lanes beyond the end of a row wrap instead
// of overflowing.
struct Position {
  std::uint32_t x, y;
};

// What sample k of n along an axis of an output pixel adds to a coordinate that grows by `step` a
// pixel along it: (2 k + 1) / (2 n) - 1/2 of the step, towards zero; 0 <= k < n. What is whole and
// what is left of the step have one sign, so the parts may be cut one by one: GPUs divide 64 bits
// by hundreds of instructions.
PECLR_HD inline std::int32_t sample_offset(std::int32_t step, int k, int n) {
  const std::int32_t whole = step / (2 * n), rest = step % (2 * n), odd = 2 * k + 1 - n;
  return whole * odd + rest * odd / (2 * n);
}

// Of sample (a, b) of output pixel (i, j); 0 <= a < samples_x, 0 <= b < samples_y.
PECLR_HD inline Position sample_position(const AugmentPlan& plan, int i, int j, int a, int b) {
  const auto at = [&](std::int32_t along_i, std::int32_t along_j, std::int32_t origin) {
    const std::int64_t offset = std::int64_t{sample_offset(along_i, a, plan.samples_x)} +
                                sample_offset(along_j, b, plan.samples_y);
    return static_cast<std::uint32_t>(origin + offset + std::int64_t{along_i} * i +
                                      std::int64_t{along_j} * j);
  };
  return {at(plan.xi, plan.xj, plan.x0), at(plan.yi, plan.yj, plan.y0)};
}

// To 2^-kWeightBits pixels, rounded.
PECLR_HD inline std::int32_t weight_position(std::uint32_t position) {
  constexpr int kDrop = kPositionBits - kWeightBits;
  return static_cast<std::int32_t>(position + (1u << (kDrop - 1))) >> kDrop;
}

// The two neighbouring pixels first, first + 1 of one axis and their weights in 1/256, which add up
// to 256 (less where black lies outside).
template <class Weight>
struct TapsOf {
  std::int32_t first;
  Weight w0, w1;
};
using Taps = TapsOf<float>;

// Where both neighbours are known to be inside the picture.
template <class Weight = float>
PECLR_HD inline TapsOf<Weight> inner_taps(std::int32_t p) {
  const std::int32_t d = p & 255;
  return {p >> 8, static_cast<Weight>(256 - d), static_cast<Weight>(d)};
}

// Anywhere: the weight of a pixel is its tent's height at p, so neighbours outside get none (black)
// and the pair can be moved inside without a branch.
template <class Weight = float>
PECLR_HD inline TapsOf<Weight> black_taps(std::int32_t p, std::int32_t size) {
  const auto limited = [](std::int32_t x, std::int32_t low, std::int32_t high) {
    const std::int32_t raised = x > low ? x : low;
    return raised < high ? raised : high;
  };
  const auto tent = [](std::int32_t d) {
    const std::int32_t rising = 256 + d, falling = 256 - d;
    const std::int32_t height = rising < falling ? rising : falling;
    return static_cast<Weight>(height > 0 ? height : 0);
  };
  const std::int32_t first = limited(p >> 8, 0, size - 2);
  const std::int32_t d = p - first * 256;
  return {first, tent(d), tent(d - 256)};
}

// Anywhere: a picture mirrored about the centres of its outermost pixels is the picture at a
// mirrored position.
template <class Weight = float>
PECLR_HD inline TapsOf<Weight> reflect_taps(std::int32_t p, std::int32_t size) {
  const std::int32_t period = 2 * (size - 1) * 256;
  p = p < 0 ? -p : p;
  p -= static_cast<std::int32_t>(static_cast<float>(p) / static_cast<float>(period)) * period;
  p = p < period - p ? p : period - p;
  return black_taps<Weight>(p, size);
}

// Adds the four weighted pixels of one sample to `sum`; pixels are little-endian RGBX words.
PECLR_HD inline Rgb add_sample(Rgb sum, Taps x, Taps y, std::uint32_t p00, std::uint32_t p01,
                               std::uint32_t p10, std::uint32_t p11) {
  const auto add = [&](float w, std::uint32_t p) {
    sum.r += w * static_cast<float>(static_cast<std::int32_t>(p & 255));
    sum.g += w * static_cast<float>(static_cast<std::int32_t>((p >> 8) & 255));
    sum.b += w * static_cast<float>(static_cast<std::int32_t>((p >> 16) & 255));
  };
  add(x.w0 * y.w0, p00);
  add(x.w1 * y.w0, p01);
  add(x.w0 * y.w1, p10);
  add(x.w1 * y.w1, p11);
  return sum;
}

// The same sums as whole numbers, for devices that are faster at those; the 256 samples that a
// pixel takes at most just fit. A float's sum is rounded beyond the first sample, so it differs
// from this one by up to a 10,000th of a level.
struct LevelSums {
  std::uint32_t r = 0, g = 0, b = 0;
};

// `along` has the weights of both neighbours of a row, the second's in the upper half.
PECLR_HD inline LevelSums add_whole_sample(LevelSums sum, std::uint32_t along,
                                           TapsOf<std::uint32_t> y, std::uint32_t p00,
                                           std::uint32_t p01, std::uint32_t p10,
                                           std::uint32_t p11) {
  // Neighbours' reds and greens a word, and their blues: two products an instruction along the row.
  const std::uint32_t rg_upper = pick_bytes(p00, p01, 0x5140), b_upper = pick_bytes(p00, p01, 0x62);
  const std::uint32_t rg_lower = pick_bytes(p10, p11, 0x5140), b_lower = pick_bytes(p10, p11, 0x62);
  sum.r += y.w0 * dot_low(along, rg_upper) + y.w1 * dot_low(along, rg_lower);
  sum.g += y.w0 * dot_high(along, rg_upper) + y.w1 * dot_high(along, rg_lower);
  sum.b += y.w0 * dot_low(along, b_upper) + y.w1 * dot_low(along, b_lower);
  return sum;
}

// From a sum of weighted samples to whole levels 0..255.
PECLR_HD inline Rgb round_levels(Rgb sum, float weight_sum) {
  const float half = 0.5f * weight_sum, inverse = 1 / weight_sum;
  return {truncate((sum.r + half) * inverse), truncate((sum.g + half) * inverse),
          truncate((sum.b + half) * inverse)};
}

// What whole-number sums are divided by; made once a view.
struct SampleShare {
  std::uint32_t half;  // of a level, in units of the sums
  float share;         // 1 / samples
  float above;         // the next float or the one after: quotients that are whole stay whole
};

PECLR_HD inline SampleShare sample_share(const AugmentPlan& plan) {
  const std::int32_t samples = plan.samples_x * plan.samples_y;
  return {static_cast<std::uint32_t>(samples) << (2 * kWeightBits - 1),
          1 / static_cast<float>(samples), (1 + 0x1p-23f) / static_cast<float>(samples)};
}

// Rounded by whole numbers, too: the division by 2^16 decides, and the one by the number of samples
// drops what is left.
PECLR_HD inline Rgb round_levels(LevelSums sum, SampleShare by) {
  const auto level = [&](std::uint32_t s) {
    return truncated_product(static_cast<float>((s + by.half) >> (2 * kWeightBits)), by.above);
  };
  return {level(sum.r), level(sum.g), level(sum.b)};
}

PECLR_HD inline Rgb levels_of(LevelSums sum, SampleShare by) {
  const float factor = by.share * (1.0f / (1 << (2 * kWeightBits)));
  return {static_cast<float>(sum.r) * factor, static_cast<float>(sum.g) * factor,
          static_cast<float>(sum.b) * factor};
}

PECLR_HD inline Rgb swapped(Rgb c) { return {c.b, c.g, c.r}; }

PECLR_HD inline Rgb jitter_levels(Rgb c, ColourJitter jitter) {
  return hsv_to_rgb(jitter_hsv(rgb_to_hsv(c), jitter));
}

PECLR_HD inline Rgb drop_levels(Rgb c) {
  const float grey = luma(c);
  return {grey, grey, grey};
}

// (sum / weight_sum - mean) * scale; weight_sum is 1 once levels have been rounded.
PECLR_HD inline Rgb normalise(Rgb sum, const AugmentPlan& plan, float weight_sum) {
  const float inverse = 1 / weight_sum;
  return {(sum.r - plan.mean[0] * weight_sum) * (plan.scale[0] * inverse),
          (sum.g - plan.mean[1] * weight_sum) * (plan.scale[1] * inverse),
          (sum.b - plan.mean[2] * weight_sum) * (plan.scale[2] * inverse)};
}

// Jitter and colour drop of whole levels, as the plan says, and normalisation.
PECLR_HD inline Rgb colour_levels(const AugmentPlan& plan, Rgb c) {
  if (plan.swap_red_blue) c = swapped(c);
  if (plan.jitter_colour) c = jitter_levels(c, plan.jitter);
  if (plan.drop_colour) c = drop_levels(c);
  if (plan.swap_red_blue) c = swapped(c);
  return normalise(c, plan, 1);
}

// An output pixel from the sum of its samples.
PECLR_HD inline Rgb finish_pixel(const AugmentPlan& plan, Rgb sum) {
  if (!plan.jitter_colour && !plan.drop_colour) return normalise(sum, plan, plan.weight_sum);
  return colour_levels(plan, round_levels(sum, plan.weight_sum));
}

PECLR_HD inline Rgb finish_pixel(const AugmentPlan& plan, LevelSums sum, SampleShare by) {
  if (!plan.jitter_colour && !plan.drop_colour) return normalise(levels_of(sum, by), plan, 1);
  return colour_levels(plan, round_levels(sum, by));
}

// Output pixel (i, j): the definition, which the CPU gives to the bit, a GPU as said above.
PECLR_HD inline Rgb augment_pixel(const AugmentPlan& plan, const std::uint8_t* source, int i,
                                  int j) {
  const auto taps = [&](std::uint32_t position, std::int32_t size) {
    const std::int32_t p = weight_position(position);
    return plan.border == Border::black ? black_taps(p, size) : reflect_taps(p, size);
  };
  const auto pixel = [&](std::int32_t x, std::int32_t y) {
    const std::uint8_t* p = source + 4 * (std::int64_t{y} * plan.width + x);
    return p[0] | p[1] << 8 | static_cast<std::uint32_t>(p[2]) << 16;
  };
  Rgb c;
  for (int b = 0; b < plan.samples_y; ++b)
    for (int a = 0; a < plan.samples_x; ++a) {
      const Position at = sample_position(plan, i, j, a, b);
      const Taps x = taps(at.x, plan.width), y = taps(at.y, plan.height);
      c = add_sample(c, x, y, pixel(x.first, y.first), pixel(x.first + 1, y.first),
                     pixel(x.first, y.first + 1), pixel(x.first + 1, y.first + 1));
    }
  return finish_pixel(plan, c);
}

PECLR_END
