// SPDX-License-Identifier: Apache-2.0
// The least that a whole PeCLR step costs on any machine, part by part, where each op is a pass of
// its own over what it reads and writes: a step is asked of a device that only counts. A step that
// is faster than its floor has fused ops that this counts apart. docs/kernels.md quotes the table.
#pragma once
#include <string>
#include <vector>

#include "benchmarks/gpu/floors.h"
#include "benchmarks/peclr_step.h"

namespace peclr::bench {

enum class Part {
  convolution,
  convolution_data,     // gradient of its input
  convolution_weights,  // and of its weights
  norm,                 // with ReLU and residual, or max pooling
  norm_backward,
  mean_pool,
  heads,  // projection, inversion, NT-Xent, and their gradients
  optimizer,
};
inline constexpr int kParts = 8;

struct StepJob {
  Part part;
  Work work;
};
std::vector<StepJob> step_jobs(const PeclrStep::Options& step);

// Jobs run one after another: their floors are added.
double floor_seconds(const std::vector<StepJob>& jobs, const Rates& rates);

// A Markdown table, one line a part that has jobs and one of all: jobs, gigabytes, 1e12 operations,
// milliseconds by `rates`.
std::string step_table(const std::vector<StepJob>& jobs, const Rates& rates);

}  // namespace peclr::bench
