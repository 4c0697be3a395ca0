// SPDX-License-Identifier: Apache-2.0
#include "tools/trainer/train_plan.h"

#include <algorithm>
#include <cmath>

#include "engine/error.h"

namespace peclr {

TrainPlan TrainPlan::of(const Settings::Train& train, std::int64_t pictures) {
  const std::int64_t a_step = std::int64_t{train.batch_size} * train.accumulate;
  TrainPlan plan{pictures, pictures / a_step, 0, {}};
  if (pictures < 2)
    fail(ErrorKind::data,
         "data.train has {} of the 2 pictures that a batch has at least; give more, or raise "
         "data.labels",
         pictures);
  if (plan.steps_per_epoch == 0)
    fail(ErrorKind::data,
         "data.train has {} pictures, fewer than train.batch_size x train.accumulate = {} x {}; "
         "lower them, e.g. train.batch_size={} train.accumulate=1",
         pictures, train.batch_size, train.accumulate, std::clamp<std::int64_t>(pictures, 2, 64));
  plan.steps = plan.steps_per_epoch * train.epochs;
  plan.schedule = {train.peak_lr(),
                   std::llround(train.warmup() * static_cast<double>(plan.steps_per_epoch)),
                   plan.steps};
  return plan;
}

}  // namespace peclr
