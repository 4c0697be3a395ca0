// SPDX-License-Identifier: Apache-2.0
// Too many values for 64 registers a thread: tools/kernel_report.sh must refuse it.
#include "kernels/launch.h"

namespace peclr::planted {
namespace {

struct Spill {
  struct Params {
    const float* in;
    float* out;
  };
  using Shared = kernels::NoShared;
  static constexpr int kThreads = 1024;
  static PECLR_DEVICE void run(const Params& p, Shared&) {
    constexpr int kMany = 200;
    float values[kMany];
    PECLR_UNROLL
    for (int i = 0; i < kMany; ++i) values[i] = p.in[i * kThreads + threadIdx.x];
    __syncthreads();
    PECLR_UNROLL
    for (int i = 0; i < kMany; ++i)
      p.out[i * kThreads + threadIdx.x] = values[i] * values[(i * 7 + 3) % kMany];
  }
};

}  // namespace

void spill(const float* in, float* out) { kernels::launch<Spill>({}, {in, out}, nullptr); }

}  // namespace peclr::planted
