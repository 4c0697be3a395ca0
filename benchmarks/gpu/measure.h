// SPDX-License-Identifier: Apache-2.0
// How a job is measured.
#pragma once
#include "benchmarks/gpu/results.h"

namespace peclr::bench {

// Times the job and its library's rival in turns, `rounds` times after some that do not count.
Result measure(Machine& machine, const CaseEntry& entry, const Sizes& sizes, const Rates& rates,
               int rounds);

}  // namespace peclr::bench
