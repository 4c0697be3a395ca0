// SPDX-License-Identifier: Apache-2.0
// Procrustes alignment of 21 joints, poses a second; "1 thread" is the figure for one core.
#include <benchmark/benchmark.h>

#include <vector>

#include "engine/cpu/hot/loops.h"
#include "engine/parallel.h"
#include "kernels/joints.h"
#include "kernels/random.h"

namespace {

constexpr std::int64_t kPoses = 1 << 15;

std::vector<float> random_poses(std::uint64_t purpose) {
  peclr::Rng rng = peclr::Rng::of(5, purpose);
  std::vector<float> poses(kPoses * peclr::kJoints * 3);
  for (float& value : poses) value = rng.uniform(-0.1f, 0.1f);
  return poses;
}

// Both the aligned pose and its error, the work of an evaluation.
void procrustes(benchmark::State& state, peclr::Alignment rule) {
  peclr::set_threads(static_cast<int>(state.range(0)));
  const peclr::Loops& loops = peclr::loops();
  const std::vector<float> source = random_poses(1), target = random_poses(2);
  std::vector<float> aligned(source.size()), error(kPoses);
  const peclr::ProcrustesInput input{source.data(), target.data(), kPoses, peclr::kJoints, rule};
  peclr::ProcrustesOutput output;
  output.aligned = aligned.data();
  output.pa_epe = error.data();
  for (auto _ : state) {
    loops.procrustes(input, output);
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * kPoses);
}

}  // namespace

BENCHMARK_CAPTURE(procrustes, proper, peclr::Alignment::proper)
    ->ArgName("threads")
    ->Arg(1)
    ->Arg(2)
    ->UseRealTime();
BENCHMARK_CAPTURE(procrustes, freihand, peclr::Alignment::freihand)
    ->ArgName("threads")
    ->Arg(1)
    ->UseRealTime();

BENCHMARK_MAIN();
