// SPDX-License-Identifier: Apache-2.0
// What cuDNN says of our convolutions for an H100 that is not there: it plans from a description of
// the card.
#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

#include "engine/cuda/late_libraries.h"
#include "engine/error.h"
#include "tests/cuda/offered_plans.h"

namespace peclr::cuda {
namespace {

using test::kept_plan;
using test::offered_plans;

constexpr const char* kH100 = R"({
  "deviceName": "NVIDIA H100 80GB HBM3", "cudaDeviceId": 0, "pciDeviceId": 0, "isTccDriver": 0,
  "deviceVer": 900, "driverVer": 13000, "supportCoopLaunch": 1, "warpSize": 32,
  "multiProcessorCount": 132, "smClockRateKHz": 1980000, "memClockRateKHz": 2619000,
  "totalGlobalMem": 85520809984, "l2CacheSize": 52428800,
  "maxGridSize": [2147483647, 65535, 65535], "maxBlockSize": [1024, 1024, 64],
  "maxThreadsPerBlock": 1024, "maxThreadsPerSM": 2048, "maxCtasPerSM": 32,
  "regsPerBlock": 65536, "maxRegistersPerSM": 65536, "maxSharedMemoryPerBlock": 49152,
  "maxSharedMemoryPerBlockOptin": 232448, "reservedSharedMemoryPerBlock": 1024})";

bool no_cudnn() {
  if (!library_problem().empty()) WARN("skipped: " << library_problem());
  return !library_problem().empty();
}

constexpr ConvPass kPasses[] = {ConvPass::forward, ConvPass::backward_data,
                                ConvPass::backward_weights};

// ResNet-50 at 128 pixels (He et al. 2016, table 1; the stride in the 3x3 window), the pictures
// padded to 8 channels of bf16 or 4 of f32.
std::set<ConvShape> resnet50(std::int64_t images, DType type) {
  std::set<ConvShape> all;
  std::int64_t side = 128, in = type == DType::bf16 ? 8 : 4;
  const auto add = [&](std::int64_t from, std::int64_t to, std::int64_t kernel,
                       std::int64_t stride) {
    all.insert({images, side, side, from, to, kernel, stride, kernel / 2, type});
  };
  add(in, 64, 7, 2);
  side = 32, in = 64;
  for (const std::int64_t width : {64, 128, 256, 512}) {
    const std::int64_t stride = width == 64 ? 1 : 2;
    add(in, width, 1, 1);
    add(width, width, 3, stride);
    add(in, 4 * width, 1, stride);
    side /= stride;
    in = 4 * width;
    add(width, in, 1, 1);
    add(in, width, 1, 1);
    add(width, width, 3, 1);
  }
  return all;
}

TEST_CASE("cuDNN plans every convolution of ResNet-50 for an H100", "[cuda]") {
  if (no_cudnn()) return;
  for (const DType type : {DType::f32, DType::bf16})
    for (const ConvShape& shape : resnet50(64, type))
      for (const ConvPass pass : kPasses) {
        CAPTURE(text_of(pass, shape));
        // bf16 gradients that are summed into f32 weights are compiled for the card, which takes
        // its driver, and then a second for each: here they need only be accepted.
        if (type == DType::bf16 && pass == ConvPass::backward_weights)
          CHECK_NOTHROW(ConvPlans(PlanTarget(kH100), pass, shape, Tf32::off));
        else
          CHECK_FALSE(offered_plans(pass, shape, Tf32::off, kH100).empty());
      }
}

TEST_CASE("cuDNN plans convolutions of odd sizes in f32, which bf16 falls back on", "[cuda]") {
  if (no_cudnn()) return;
  const ConvShape shapes[] = {
      {2, 15, 12, 3, 64, 7, 2, 3, DType::f32}, {2, 6, 5, 5, 12, 3, 1, 1, DType::f32},
      {2, 6, 5, 12, 5, 3, 2, 1, DType::f32},   {2, 5, 4, 16, 5, 1, 1, 0, DType::f32},
      {2, 5, 4, 5, 16, 1, 1, 0, DType::f32},   {2, 1, 1, 32, 32, 3, 1, 1, DType::f32},
      {1, 9, 9, 16, 32, 7, 1, 3, DType::f32},  {2, 7, 6, 64, 128, 3, 2, 1, DType::f32}};
  for (const ConvShape& shape : shapes)
    for (const ConvPass pass : kPasses) {
      CAPTURE(text_of(pass, shape));
      CHECK_FALSE(offered_plans(pass, shape, Tf32::off, kH100).empty());
    }
}

TEST_CASE("cuDNN: a plan is made anew of what the file keeps of it", "[cuda]") {
  if (no_cudnn()) return;
  const ConvShape shape{64, 16, 16, 128, 128, 3, 1, 1, DType::bf16};
  for (const ConvPass pass : {ConvPass::forward, ConvPass::backward_data}) {
    const std::vector<ConvPlan> offered = offered_plans(pass, shape, Tf32::off, kH100);
    REQUIRE_FALSE(offered.empty());
    CHECK(std::any_of(offered.begin(), offered.end(),
                      [](const ConvPlan& plan) { return !plan.choice.knobs.empty(); }));
    for (const ConvPlan& plan : offered) {
      const std::optional<ConvPlan> again = kept_plan(pass, shape, Tf32::off, kH100, plan.choice);
      REQUIRE(again);
      CHECK(again->choice == plan.choice);
      CHECK(again->workspace_bytes == plan.workspace_bytes);
    }
  }
  CHECK_FALSE(kept_plan(ConvPass::forward, shape, Tf32::off, kH100, {.engine = 12345}));
  CHECK_FALSE(
      kept_plan(ConvPass::forward, shape, Tf32::off, kH100, {.engine = 0, .knobs = {{9999, 1}}}));
}

TEST_CASE("cuDNN: TF32 brings more plans, none of which is taken unasked", "[cuda]") {
  if (no_cudnn()) return;
  const ConvShape shape{64, 32, 32, 64, 64, 3, 1, 1, DType::f32};
  const auto engines = [&](Tf32 tf32) {
    std::set<std::int64_t> all;
    for (const ConvPlan& plan : offered_plans(ConvPass::forward, shape, tf32, kH100))
      all.insert(plan.choice.engine);
    return all;
  };
  const std::set<std::int64_t> exact = engines(Tf32::off), all = engines(Tf32::on);
  CHECK(all.size() > exact.size());
  CHECK(std::includes(all.begin(), all.end(), exact.begin(), exact.end()));
}

TEST_CASE("cuDNN: gradients of weights have TF32 plans, for bf16 that finds none of its own",
          "[cuda]") {
  if (no_cudnn()) return;
  for (ConvShape shape : resnet50(64, DType::bf16)) {
    shape.type = DType::f32;
    CAPTURE(text_of(ConvPass::backward_weights, shape));
    const auto count = [&](Tf32 tf32) {
      return offered_plans(ConvPass::backward_weights, shape, tf32, kH100).size();
    };
    CHECK(count(Tf32::on) > count(Tf32::off));
  }
}

TEST_CASE("cuDNN: what it does not accept is an error that says so", "[cuda]") {
  if (no_cudnn()) return;
  const ConvShape shape{2, 8, 8, 16, 16, 3, 1, 1, DType::f32};
  CHECK_THROWS_AS(offered_plans(ConvPass::forward, shape, Tf32::off, "{}"), Error);
  ConvShape nonsense = shape;
  nonsense.out = 0;
  CHECK_THROWS(offered_plans(ConvPass::forward, nonsense, Tf32::off, kH100));
}

}  // namespace
}  // namespace peclr::cuda
