// SPDX-License-Identifier: Apache-2.0
// Views a second of the fused augmentation on one core, for each instruction set that the machine
// has: 224 x 224 pictures to 128 x 128 views drawn as in pre-training without labels (the largest
// crops), with and without colour.
#include <benchmark/benchmark.h>

#include <vector>

#include "data/views.h"
#include "engine/cpu/hot/augment.h"
#include "engine/parallel.h"

// The other builds of engine/cpu/hot/augment.cpp.
namespace peclr::v3 {
void augment(const AugmentJob* jobs, std::int64_t count, int size);
}
namespace peclr::v4 {
void augment(const AugmentJob* jobs, std::int64_t count, int size);
}

namespace {

using namespace peclr;
using AugmentFunction = void (*)(const AugmentJob*, std::int64_t, int);

constexpr int kSource = 224, kOut = 128, kPictures = 16, kViews = 128;

void views_per_second(benchmark::State& state, AugmentFunction augment_views, bool supported,
                      bool with_colour) {
  if (!supported) {
    state.SkipWithError("this processor lacks the instruction set");
    return;
  }
  set_threads(1);
  Rng rng = Rng::of(1);
  std::vector<std::vector<std::uint8_t>> pictures(kPictures);
  for (auto& picture : pictures) {
    picture.resize(4 * kSource * kSource);
    for (auto& level : picture) level = static_cast<std::uint8_t>(rng.below(256));
  }
  AugmentOptions options;
  options.out = kOut;
  options.colour_jitter = with_colour ? 1.f : 0.f;
  std::vector<float> out(3 * static_cast<std::size_t>(kOut) * kOut * kViews);
  std::vector<AugmentJob> jobs;
  for (int k = 0; k < kViews; ++k)
    jobs.push_back({pictures[k % kPictures].data(), kSource, kSource,
                    sample_view(options, kSource, kSource, {}, Rng::of(2, k)).pixels,
                    out.data() + 3 * static_cast<std::size_t>(kOut) * kOut * k});
  for (auto _ : state) {
    augment_views(jobs.data(), kViews, kOut);
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * kViews);
}

const bool kHasV3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
const bool kHasV4 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                    __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");

BENCHMARK_CAPTURE(views_per_second, geometry_baseline, peclr::augment, true, false);
BENCHMARK_CAPTURE(views_per_second, geometry_v3, peclr::v3::augment, kHasV3, false);
BENCHMARK_CAPTURE(views_per_second, geometry_v4, peclr::v4::augment, kHasV4, false);
BENCHMARK_CAPTURE(views_per_second, colour_baseline, peclr::augment, true, true);
BENCHMARK_CAPTURE(views_per_second, colour_v3, peclr::v3::augment, kHasV3, true);
BENCHMARK_CAPTURE(views_per_second, colour_v4, peclr::v4::augment, kHasV4, true);

}  // namespace

BENCHMARK_MAIN();
