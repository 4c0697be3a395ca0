// SPDX-License-Identifier: Apache-2.0
// Adam (Kingma & Ba 2015), alone or inside LARS as pl_bolts 0.2.2's LARSWrapper does it: LARS adds
// the weight decay and rescales each tensor's gradient, Adam then steps without decay of its own.
#pragma once
#include <cmath>
#include <cstdint>

#include "kernels/host_device.h"

namespace peclr {

enum class OptimizerKind { adam, lars };  // lars: Adam inside LARS

struct AdamOptions {
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
};

struct LarsOptions {
  double eta = 0.02, epsilon = 1e-8;
};

// One tensor's place in the arenas. The caller sets weight_decay to 0 for biases and norms.
struct Segment {
  std::int64_t begin = 0, size = 0;
  float weight_decay = 0;
};

// L2 norms of one tensor.
struct SegmentNorms {
  double weight = 0, gradient = 0;
};

// What a tensor's gradient becomes before Adam: ratio * (gradient + decay * weight).
struct GradientRule {
  float decay = 0, ratio = 1;
};

// The numbers of one Adam step, the same for all weights.
struct AdamStep {
  float beta1, beta2, one_minus_beta1, one_minus_beta2;
  float step_size;            // learning rate / (1 - beta1^t)
  float inv_sqrt_correction;  // 1 / sqrt(1 - beta2^t)
  float epsilon;
};

}  // namespace peclr

PECLR_BEGIN

// `step` counts from 0; the corrections are those of t = step + 1.
PECLR_HD inline AdamStep adam_step(const AdamOptions& options, double learning_rate,
                                   std::int64_t step) {
  const auto t = static_cast<double>(step + 1);
  AdamStep s;
  s.beta1 = static_cast<float>(options.beta1);
  s.beta2 = static_cast<float>(options.beta2);
  s.one_minus_beta1 = static_cast<float>(1 - options.beta1);
  s.one_minus_beta2 = static_cast<float>(1 - options.beta2);
  s.step_size = static_cast<float>(learning_rate / (1 - std::pow(options.beta1, t)));
  s.inv_sqrt_correction = static_cast<float>(1 / std::sqrt(1 - std::pow(options.beta2, t)));
  s.epsilon = static_cast<float>(options.epsilon);
  return s;
}

// Adam alone: decay is added to the gradient.
PECLR_HD inline GradientRule adam_rule(const Segment& segment) {
  return {segment.weight_decay, 1.0f};
}

// LARS with clipping: ratio = min(eta |w| / (|g| + decay |w| + epsilon) / learning_rate, 1). A
// tensor of zeros, or one without gradient, goes to Adam as it is, and without decay.
PECLR_HD inline GradientRule lars_rule(const LarsOptions& options, const Segment& segment,
                                       const SegmentNorms& norms, double learning_rate) {
  if (norms.weight == 0 || norms.gradient == 0) return {0.0f, 1.0f};
  const double trust = options.eta * norms.weight /
                       (norms.gradient + norms.weight * segment.weight_decay + options.epsilon);
  // trust / 0 is infinite in the reference, so the first step of a warm-up clips to 1.
  return {segment.weight_decay,
          trust < learning_rate ? static_cast<float>(trust / learning_rate) : 1.0f};
}

// One weight: w, first and second moment m and v from gradient g.
PECLR_HD inline void adam_update(const AdamStep& step, const GradientRule& rule, float g, float& w,
                                 float& m, float& v) {
  const float gradient = rule.ratio * (g + rule.decay * w);
  m = step.beta1 * m + step.one_minus_beta1 * gradient;
  v = step.beta2 * v + step.one_minus_beta2 * gradient * gradient;
  w -= step.step_size * m / (std::sqrt(v) * step.inv_sqrt_correction + step.epsilon);
}

PECLR_END
