// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/gpu/measure.h"

namespace peclr::bench {
namespace {

constexpr int kWarmUp = 3;

}  // namespace

Result measure(Machine& machine, const CaseEntry& entry, const Sizes& sizes, const Rates& rates,
               int rounds) {
  Result result{.floor = floor_of(sizes, entry.kernel), .mark = entry.mark};
  result.floor_microseconds = 1e6 * floor_seconds(result.floor.work, rates);
  const Case c = entry.make(machine, sizes);
  result.library_what = c.library.what;
  machine.reset_peak();
  machine.microseconds(Machine::Whose::ours, c.run);
  result.peak_bytes = static_cast<double>(machine.peak_bytes());
  for (int round = -kWarmUp; round < rounds; ++round) {
    const double ours = machine.microseconds(Machine::Whose::ours, c.run);
    const double library =
        c.library.run ? machine.microseconds(Machine::Whose::library, c.library.run) : 0;
    if (round < 0) continue;
    result.ours.push_back(ours);
    if (c.library.run) result.library.push_back(library);
  }
  result.copy_share = result.floor.work.bytes / (1e-6 * Quartiles(result.ours).median) / rates.copy;
  return result;
}

}  // namespace peclr::bench
