// SPDX-License-Identifier: Apache-2.0
// Which GPU, and the words where there is none: machines that are only described.
#include "engine/cuda/gpu_choice.h"

#include <catch2/catch.hpp>

#include "engine/cuda/context.h"
#include "tests/support/files.h"

namespace peclr::cuda {
namespace {

using test::Caught;
using test::caught;
using Driver = GpuSurvey::Driver;

const GpuFacts kH100{"NVIDIA H100 80GB HBM3", 9, 0, std::size_t{80} << 30, std::size_t{60} << 30};
const GpuFacts kV100{"Tesla V100-SXM2-16GB", 7, 0, std::size_t{16} << 30, std::size_t{1} << 30};

GpuSurvey machine(Driver driver, std::vector<GpuFacts> gpus = {}) {
  return {.driver = driver,
          .driver_version = driver == Driver::missing ? 0 : 12040,
          .runtime_version = 13010,
          .fault = driver == Driver::broken ? "system not yet initialized" : "",
          .gpus = std::move(gpus)};
}

GpuSurvey without_cudnn() {
  GpuSurvey survey = machine(Driver::ready, {kH100});
  survey.library_problem = "cuDNN 9 was not found (x); put its folder in LD_LIBRARY_PATH";
  return survey;
}

bool has(const std::string& text, std::string_view words) {
  return text.find(words) != std::string::npos;
}

TEST_CASE("GPU choice: a card of the machine is taken by its number", "[cuda]") {
  const GpuSurvey survey = machine(Driver::ready, {kH100, kV100});
  CHECK(problem_of(survey).empty());
  CHECK(choose_gpu(survey, 0) == kH100);
  CHECK(choose_gpu(survey, 1) == kV100);
}

TEST_CASE("GPU choice: each way to have no GPU is named, with what to do", "[cuda]") {
  const struct {
    GpuSurvey survey;
    int index;
    const char *fault, *remedy;
  } cases[] = {
      {machine(Driver::missing), 0, "no NVIDIA driver", "install one for CUDA 13.1"},
      {machine(Driver::too_old), 0, "too old: it serves CUDA up to 12.4", "update the driver"},
      {machine(Driver::without_gpu), 0, "shows no GPU", "CUDA_VISIBLE_DEVICES"},
      {machine(Driver::broken), 0, "system not yet initialized", "nvidia-smi"},
      {without_cudnn(), 0, "cuDNN 9 was not found", "LD_LIBRARY_PATH"},
      {machine(Driver::ready, {kH100}), 1, "gpu=1: there is no such card", "use gpu=0"},
      {machine(Driver::ready, {kH100}), -1, "gpu=-1", "use gpu=0"},
      {machine(Driver::ready, {kH100, kV100}), 2, "gpu=2", "from gpu=0 to gpu=1"}};
  for (const auto& c : cases) {
    const Caught error = caught([&] { choose_gpu(c.survey, c.index); });
    CAPTURE(error.text);
    CHECK(error.kind == static_cast<int>(ErrorKind::device));
    CHECK(error.one_line());
    CHECK(error.names(c.fault));
    CHECK(error.names(c.remedy));
    CHECK(error.names("use device=cpu"));
  }
}

TEST_CASE("GPU choice: what is told of cards", "[cuda]") {
  CHECK(version_text(13010) == "13.1");
  CHECK(version_text(12040) == "12.4");
  const std::vector<std::string> lines = survey_lines(machine(Driver::ready, {kH100, kV100}));
  REQUIRE(lines.size() == 2);
  CHECK(lines[0] ==
        "cuda:0, NVIDIA H100 80GB HBM3, 80.0 GiB, compute capability 9.0, driver for CUDA 12.4, "
        "runtime 13.1");
  CHECK(has(lines[1], "cuda:1, Tesla V100-SXM2-16GB, 16.0 GiB, compute capability 7.0"));
  const std::vector<std::string> none = survey_lines(machine(Driver::missing));
  REQUIRE(none.size() == 1);
  CHECK(has(none[0], "cuda: no NVIDIA driver"));
}

TEST_CASE("GPU choice: an old card, one that others hold, one that is full", "[cuda]") {
  const std::string old = no_kernel_text(kV100, 1, "90");
  CHECK(has(old, "cuda:1 (Tesla V100-SXM2-16GB, compute capability 7.0)"));
  CHECK(has(old, "CMAKE_CUDA_ARCHITECTURES=70"));
  CHECK(has(old, "device=cpu"));
  const std::string held = occupied_text(kH100, 0, "out of memory");
  CHECK(has(held, "out of memory"));
  CHECK(has(held, "gpu=N"));
  // 20 GiB are used, 5 of them by us.
  CHECK(full_text(kH100, 0, std::int64_t{5} << 30) ==
        "cuda:0 (NVIDIA H100 80GB HBM3) has 60.0 of 80.0 GiB free, 15.0 GiB are not ours");
  CHECK(has(full_text(kH100, 0, std::int64_t{70} << 30), " 0.0 GiB are not ours"));
}

TEST_CASE("GPU choice: this machine is described, with a GPU or without", "[cuda]") {
  const GpuSurvey survey = survey_gpus();
  CHECK(survey.runtime_version >= 12000);
  CHECK_FALSE(survey_lines(survey).empty());
  if (problem_of(survey).empty()) {
    CHECK_FALSE(survey.gpus.empty());
    return;
  }
  const Caught error = caught([] { Context gpu(0); });
  CHECK(error.kind == static_cast<int>(ErrorKind::device));
  CHECK(error.one_line());
  CHECK(error.names(problem_of(survey)));
}

}  // namespace
}  // namespace peclr::cuda
