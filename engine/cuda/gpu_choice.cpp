// SPDX-License-Identifier: Apache-2.0
#include "engine/cuda/gpu_choice.h"

#include <algorithm>

#include "engine/error.h"

namespace peclr::cuda {
namespace {

double gib(std::size_t bytes) { return static_cast<double>(bytes) / (1 << 30); }

constexpr std::string_view kCpu = "or use device=cpu";

}  // namespace

std::string version_text(int version) {
  return fmt::format("{}.{}", version / 1000, version % 1000 / 10);
}

std::string problem_of(const GpuSurvey& survey) {
  const std::string runtime = version_text(survey.runtime_version);
  switch (survey.driver) {
    case GpuSurvey::Driver::missing:
      return fmt::format(
          "no NVIDIA driver is installed (libcuda.so.1 cannot be loaded); install one for CUDA {} "
          "or newer, {}",
          runtime, kCpu);
    case GpuSurvey::Driver::too_old:
      return fmt::format(
          "the NVIDIA driver is too old: it serves CUDA up to {}, this build needs {}; update the "
          "driver, {}",
          version_text(survey.driver_version), runtime, kCpu);
    case GpuSurvey::Driver::without_gpu:
      return fmt::format(
          "the NVIDIA driver shows no GPU; check CUDA_VISIBLE_DEVICES and nvidia-smi, {}", kCpu);
    case GpuSurvey::Driver::broken:
      return fmt::format("the NVIDIA driver does not start ({}); check nvidia-smi, {}",
                         survey.fault, kCpu);
    case GpuSurvey::Driver::ready:
      break;
  }
  return survey.library_problem.empty() ? "" : fmt::format("{}, {}", survey.library_problem, kCpu);
}

const GpuFacts& choose_gpu(const GpuSurvey& survey, int index) {
  if (const std::string problem = problem_of(survey); !problem.empty())
    fail(ErrorKind::device, "device=cuda: {}", problem);
  const auto count = static_cast<int>(survey.gpus.size());
  if (index < 0 || index >= count)
    fail(ErrorKind::device, "gpu={}: there is no such card; use {}, {}", index,
         count == 1 ? "gpu=0" : fmt::format("one from gpu=0 to gpu={}", count - 1), kCpu);
  return survey.gpus[static_cast<std::size_t>(index)];
}

std::string gpu_line(const GpuFacts& gpu, int index) {
  return fmt::format("cuda:{}, {}, {:.1f} GiB, compute capability {}.{}", index, gpu.name,
                     gib(gpu.total_bytes), gpu.major, gpu.minor);
}

std::vector<std::string> survey_lines(const GpuSurvey& survey) {
  if (const std::string problem = problem_of(survey); !problem.empty())
    return {fmt::format("cuda: {}", problem)};
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < survey.gpus.size(); ++i)
    lines.push_back(fmt::format(
        "{}, driver for CUDA {}, runtime {}", gpu_line(survey.gpus[i], static_cast<int>(i)),
        version_text(survey.driver_version), version_text(survey.runtime_version)));
  return lines;
}

std::string no_kernel_text(const GpuFacts& gpu, int index, std::string_view built_for) {
  return fmt::format(
      "cuda:{} ({}, compute capability {}.{}) cannot run this build, whose kernels are for {}; "
      "configure it with -DCMAKE_CUDA_ARCHITECTURES={}{}, {}",
      index, gpu.name, gpu.major, gpu.minor, built_for, gpu.major, gpu.minor, kCpu);
}

std::string occupied_text(const GpuFacts& gpu, int index, std::string_view fault) {
  return fmt::format(
      "cuda:{} ({}) cannot be started ({}); other programs may hold it or its memory: see "
      "nvidia-smi, take another card with gpu=N, {}",
      index, gpu.name, fault, kCpu);
}

std::string full_text(const GpuFacts& gpu, int index, std::int64_t ours) {
  const std::size_t used = gpu.total_bytes - std::min(gpu.free_bytes, gpu.total_bytes);
  const std::size_t others = used - std::min(used, static_cast<std::size_t>(ours));
  return fmt::format("cuda:{} ({}) has {:.1f} of {:.1f} GiB free, {:.1f} GiB are not ours", index,
                     gpu.name, gib(gpu.free_bytes), gib(gpu.total_bytes), gib(others));
}

}  // namespace peclr::cuda
