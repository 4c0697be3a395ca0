// SPDX-License-Identifier: Apache-2.0
// Batch normalisation, residual and activation: the arithmetic of one channel, between and within
// the loops over activations (Ioffe & Szegedy 2015).
//
//   y  = act(gamma * xhat + beta + residual),  xhat = (x - mean) * inv_std
//   dx = gamma * inv_std * (g - mean(g) - xhat * mean(g * xhat)),  g = act'(y) * dy
//
// Both are lines in x, so that a loop over values needs two or three numbers a channel.
#pragma once
#include <cmath>

#include "kernels/host_device.h"

namespace peclr {

// dx = g * of_g + x * of_x + constant.
struct NormGradientLine {
  float of_g, of_x, constant;
};

// A channel of a batch: its mean, its deviation's inverse, and the variance as of a sample.
struct NormMoments {
  float mean, inv_std, sample_variance;
};

// Sums over `count` values of x - origin and of its square. An origin near the mean keeps the
// mean's own square out of the sums, of which a variance far from zero would be a small difference.
struct NormSums {
  double count;
  float origin;
  double sum, squares;
};

}  // namespace peclr

PECLR_BEGIN

PECLR_HD inline NormMoments norm_moments(const NormSums& s, float eps) {
  const double moved = s.sum / s.count, raw = s.squares / s.count - moved * moved;
  const double variance = raw < 0 ? 0 : raw;  // a NaN stays
  const double freedom = s.count > 2 ? s.count - 1 : 1;
  return {static_cast<float>(s.origin + moved),
          static_cast<float>(1 / std::sqrt(variance + static_cast<double>(eps))),
          static_cast<float>(variance * s.count / freedom)};
}

// running = (1 - momentum) * running + momentum * batch
PECLR_HD inline void norm_follow(float& running, float batch, float momentum) {
  running += momentum * (batch - running);
}

// sum_g and sum_gx: of g and of g * xhat over `count` values.
PECLR_HD inline NormGradientLine norm_gradient_line(double count, float gamma, float mean,
                                                    float inv_std, double sum_g, double sum_gx) {
  const double scale = static_cast<double>(gamma) * inv_std;
  const double slope = -scale * inv_std * sum_gx / count;
  return {static_cast<float>(scale), static_cast<float>(slope),
          static_cast<float>(-scale * sum_g / count - slope * mean)};
}

// A leaky ReLU with `slope` below zero; a NaN stays. And the gradient behind it, by the side of
// zero on which the value (or, the same, the output) lies.
PECLR_HD inline float leaky(float value, float slope) {
  return value > 0.f ? value : value * slope;
}
PECLR_HD inline float leaky_gradient(float g, float value, float slope) {
  return value > 0.f ? g : g * slope;
}

PECLR_END
