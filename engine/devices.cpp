// SPDX-License-Identifier: Apache-2.0
#include "engine/devices.h"

#include "engine/cpu/cpu_backend.h"
#include "engine/say.h"
#if defined(PECLR_CUDA)
#include "engine/cuda/conv_plans.h"
#include "engine/cuda/cuda_backend.h"
#include "engine/cuda/late_libraries.h"
#endif
#if defined(PECLR_SIMT)
#include "engine/gpu/simt_backend.h"
#endif

namespace peclr {

DeviceKind device_named(std::string_view name, std::string_view where) {
  if (const std::optional<DeviceKind> kind = value_of<DeviceKind>(name)) return *kind;
  fail(ErrorKind::usage, "{} {}: known are auto, cpu and cuda (and simt, in builds for tests)",
       where, name);
}

namespace {

std::unique_ptr<Backend> make_cuda([[maybe_unused]] const DeviceOptions& options) {
#if defined(PECLR_CUDA)
  return std::make_unique<CudaBackend>(
      CudnnBackend::Options{options.gpu, options.tf32 ? cuda::Tf32::on : cuda::Tf32::off});
#else
  fail(
      ErrorKind::device,
      "device=cuda: this build has no CUDA backend; use device=cpu (or device=auto), or build with "
      "the preset cuda");
#endif
}

std::unique_ptr<Backend> make_simt() {
#if defined(PECLR_SIMT)
  return std::make_unique<SimtBackend>();
#else
  fail(ErrorKind::device,
       "device=simt: this build has no emulator; use device=cpu, or the preset simt");
#endif
}

}  // namespace

DeviceKind chosen_device(DeviceKind kind) {
  if (kind != DeviceKind::automatic) return kind;
#if defined(PECLR_CUDA)
  const std::string problem = cuda::problem_of(cuda::survey_gpus());
  if (problem.empty()) return DeviceKind::cuda;
  say("device=auto takes the CPU: {}\n", problem);
#endif
  return DeviceKind::cpu;
}

std::unique_ptr<Backend> make_backend(DeviceKind kind, const DeviceOptions& options) {
  switch (chosen_device(kind)) {
    case DeviceKind::cuda:
      return make_cuda(options);
    case DeviceKind::simt:
      return make_simt();
    default:
      return std::make_unique<CpuBackend>();
  }
}

std::vector<std::string> describe_devices() {
  std::vector<std::string> devices{CpuBackend().description()};
#if defined(PECLR_CUDA)
  for (std::string& line : cuda::survey_lines(cuda::survey_gpus())) devices.push_back(line);
  const std::string& missing = cuda::library_problem();
  devices.push_back("cuda: " + (missing.empty() ? fmt::format("{}, {}", cuda::cudnn_version(),
                                                              cuda::Blas::version())
                                                : missing));
#else
  devices.push_back("cuda: not in this build");
#endif
#if defined(PECLR_SIMT)
  devices.push_back(SimtBackend().description());
#endif
  return devices;
}

}  // namespace peclr
