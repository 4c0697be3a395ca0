// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>

#include "kernels/schedule.h"
#include "tools/settings/settings.h"

namespace peclr {

// How a run is cut into steps. An incomplete step at the end of an epoch is dropped.
struct TrainPlan {
  std::int64_t pictures;         // an epoch
  std::int64_t steps_per_epoch;  // optimiser steps
  std::int64_t steps;            // of the whole run
  Schedule schedule;

  // Throws Error(data) if the pictures do not fill one step.
  static TrainPlan of(const Settings::Train& train, std::int64_t pictures);
};

}  // namespace peclr
