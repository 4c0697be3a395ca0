// SPDX-License-Identifier: Apache-2.0
// The jobs that are measured, each by the name that floors.h has for it.
#pragma once
#include <vector>

#include "benchmarks/gpu/machine.h"

namespace peclr::bench {

// What a job must reach; 0: nothing.
struct Mark {
  double microseconds = 0;
  double copy_share = 0;  // of the bandwidth of a copy, by the floor's bytes
  double bytes = 0;       // in use at a time
};

// Owns its data: it is made, measured and dropped before the next.
struct Case {
  Job run;
  LibraryJob library{};
};

struct CaseEntry {
  const char* kernel;
  Case (*make)(Machine&, const Sizes&);
  Mark mark{};
};

std::vector<CaseEntry> contrastive_cases();  // augmentation, inversion, NT-Xent
std::vector<CaseEntry> network_cases();      // norms, pooling
std::vector<CaseEntry> elementwise_cases();
std::vector<CaseEntry> optimizer_cases();
std::vector<CaseEntry> pose_cases();  // Procrustes, the hand network's head and loss

}  // namespace peclr::bench
