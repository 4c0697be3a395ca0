// SPDX-License-Identifier: Apache-2.0
// What cuDNN offers for a card that need not be there: `card` is cuDNN's JSON of its properties.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "engine/cuda/conv_plans.h"

namespace peclr::test {

// All plans that can be made.
inline std::vector<cuda::ConvPlan> offered_plans(cuda::ConvPass pass, const cuda::ConvShape& shape,
                                                 cuda::Tf32 tf32, const std::string& card) {
  const cuda::PlanTarget target(card);
  cuda::ConvPlans plans(target, pass, shape, tf32);
  std::vector<cuda::ConvPlan> offered;
  for (std::size_t i = 0; i < plans.proposals(); ++i) {
    std::string fault;
    if (auto plan = plans.make(i, fault)) offered.push_back(std::move(*plan));
  }
  return offered;
}

// The plan of a choice that was kept.
inline std::optional<cuda::ConvPlan> kept_plan(cuda::ConvPass pass, const cuda::ConvShape& shape,
                                               cuda::Tf32 tf32, const std::string& card,
                                               const cuda::PlanChoice& choice) {
  const cuda::PlanTarget target(card);
  std::string fault;
  return cuda::ConvPlans(target, pass, shape, tf32).make(choice, fault);
}

}  // namespace peclr::test
