// SPDX-License-Identifier: Apache-2.0
// The learning rate of a step: linear warm-up from zero, then half a cosine to zero (pl_bolts'
// LinearWarmupCosineAnnealingLR in closed form, stepped once an optimiser step).
#pragma once
#include <cmath>
#include <cstdint>

#include "kernels/host_device.h"

namespace peclr {

struct Schedule {
  double peak = 0;
  std::int64_t warmup_steps = 0;  // W; 0 and 1 mean no warm-up
  std::int64_t total_steps = 0;   // T
};

// Step t counts from 0: peak * t / (W - 1) for t < W, then peak * (1 + cos(pi * (t - W) / (T - W)))
// / 2; zero from T on.
PECLR_HD inline double learning_rate(const Schedule& schedule, std::int64_t step) {
  constexpr double kPi = 3.14159265358979323846;
  const std::int64_t warmup = schedule.warmup_steps > 1 ? schedule.warmup_steps : 0;
  if (step < warmup)
    return schedule.peak * static_cast<double>(step) / static_cast<double>(warmup - 1);
  if (step >= schedule.total_steps) return 0;
  const double progress =
      static_cast<double>(step - warmup) / static_cast<double>(schedule.total_steps - warmup);
  return schedule.peak * 0.5 * (1 + std::cos(kPi * progress));
}

}  // namespace peclr
