// SPDX-License-Identifier: Apache-2.0
#include "tools/trainer/memory_plan.h"

#include "engine/error.h"

namespace peclr {
namespace {

// For what libraries need besides: scratch of convolutions and copies of weights.
constexpr double kSlack = 1.2;

std::int64_t mib(std::int64_t bytes) { return bytes >> 20; }

}  // namespace

bool MemoryPlan::fits(int batch, double slack) const {
  return slack * static_cast<double>(need(batch)) <= static_cast<double>(available);
}

std::optional<int> MemoryPlan::fitting(double slack) const {
  int low = 2, high = batch_size;  // low fits; high does not, or is not wanted
  if (high <= low || !fits(low, slack)) return {};
  while (high - low > 1) {
    const int middle = low + (high - low) / 2;
    (fits(middle, slack) ? low : high) = middle;
  }
  return low;
}

void MemoryPlan::require() const {
  const std::int64_t least = need(batch_size);
  if (least <= available) return;
  const std::optional<int> smaller = fitting(kSlack);
  fail(ErrorKind::failure,
       "out of memory: train.batch_size={} needs at least {} MiB, there are {}; {}", batch_size,
       mib(least), mib(available),
       smaller ? fmt::format("train.batch_size={} should fit (with a larger train.accumulate)",
                             *smaller)
               : std::string("use a smaller model.input or model.depth"));
}

std::string MemoryPlan::summary() const {
  return fmt::format("memory: a step needs at least {} MiB of {}", mib(need(batch_size)),
                     mib(available));
}

std::string MemoryPlan::advice() const {
  // Where the batch itself should have fitted, others have the memory, and no number is known.
  if (fits(batch_size, kSlack)) return "";
  const std::optional<int> smaller = fitting(kSlack);
  return smaller ? fmt::format(": {} should fit", *smaller) : "";
}

}  // namespace peclr
