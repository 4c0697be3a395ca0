// SPDX-License-Identifier: Apache-2.0
// Which GPU a run may use, and what to say where it may not: decisions and texts on plain values,
// so that every case is tested on machines that have none of them. engine/cuda/context.h asks the
// machine.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace peclr::cuda {

struct GpuFacts {
  std::string name;
  int major = 0, minor = 0;                     // compute capability
  std::size_t total_bytes = 0, free_bytes = 0;  // the latter of the card in use only
  bool operator==(const GpuFacts&) const = default;
};

// What the CUDA runtime says of a machine. Versions count as CUDA's do: 13010 is 13.1.
struct GpuSurvey {
  enum class Driver { ready, missing, too_old, without_gpu, broken };
  Driver driver = Driver::missing;
  int driver_version = 0, runtime_version = 0;
  std::string fault;            // CUDA's own words, where the driver is broken
  std::string library_problem;  // of cuDNN and cuBLASLt, where the driver is ready
  std::vector<GpuFacts> gpus;   // those that CUDA_VISIBLE_DEVICES leaves
};

std::string version_text(int version);  // "13.1"

// Why this machine has no GPU to work on, and what to do; empty where it has one.
std::string problem_of(const GpuSurvey& survey);

// Throws Error(device) where there is no GPU, or none of this index.
const GpuFacts& choose_gpu(const GpuSurvey& survey, int index);

// "cuda:0, NVIDIA H100 80GB HBM3, 79.6 GiB, compute capability 9.0"
std::string gpu_line(const GpuFacts& gpu, int index);
// For `peclr info`: a line for each GPU, or one that says why there is none.
std::vector<std::string> survey_lines(const GpuSurvey& survey);

// The errors of a card that is there. `built_for`: architectures of the kernels, such as "90".
std::string no_kernel_text(const GpuFacts& gpu, int index, std::string_view built_for);
std::string occupied_text(const GpuFacts& gpu, int index, std::string_view fault);
// What is said beside the allocator's own words when the card is full. `ours`: bytes that this
// program holds.
std::string full_text(const GpuFacts& gpu, int index, std::int64_t ours);

}  // namespace peclr::cuda
