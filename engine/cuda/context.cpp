// SPDX-License-Identifier: Apache-2.0
#include "engine/cuda/context.h"

#include <cuda_runtime_api.h>

#include <atomic>

#include "engine/cuda/late_libraries.h"
#include "engine/error.h"

namespace peclr::cuda {
namespace {

std::atomic<int> gpu_of_process{0};
thread_local int gpu_of_thread = 0;  // CUDA's default for a new thread

GpuFacts facts_of(int index) {
  cudaDeviceProp properties;
  check_cuda(cudaGetDeviceProperties(&properties, index), "reading a GPU's properties");
  return {properties.name, properties.major, properties.minor, properties.totalGlobalMem, 0};
}

// Starts the card for this thread where it has not been started.
cudaError_t add_free_memory(GpuFacts& facts, int index) {
  cudaError_t status = cudaSetDevice(index);
  gpu_of_thread = index;
  if (status == cudaSuccess) status = cudaMemGetInfo(&facts.free_bytes, &facts.total_bytes);
  return status;
}

GpuSurvey::Driver driver_of(cudaError_t status, int driver_version) {
  switch (status) {
    case cudaSuccess:
      return GpuSurvey::Driver::ready;
    case cudaErrorInsufficientDriver:
      return driver_version == 0 ? GpuSurvey::Driver::missing : GpuSurvey::Driver::too_old;
    case cudaErrorNoDevice:
      return GpuSurvey::Driver::without_gpu;
    default:
      return GpuSurvey::Driver::broken;
  }
}

bool is_the_devices_fault(cudaError_t status) {
  switch (status) {
    case cudaErrorInsufficientDriver:
    case cudaErrorNoDevice:
    case cudaErrorInvalidDevice:
    case cudaErrorDevicesUnavailable:
    case cudaErrorNoKernelImageForDevice:
    case cudaErrorUnsupportedPtxVersion:
    case cudaErrorJitCompilerNotFound:
    case cudaErrorCompatNotSupportedOnDevice:
    case cudaErrorSystemDriverMismatch:
    case cudaErrorSystemNotReady:
    case cudaErrorECCUncorrectable:
      return true;
    default:
      return false;
  }
}

}  // namespace

void check_cuda(int status, std::string_view operation) {
  const auto code = static_cast<cudaError_t>(status);
  if (code == cudaSuccess) return;
  cudaGetLastError();  // or the next call would report it again
  const int index = gpu_of_process;
  // The latter two: code of an older card, which the driver cannot translate for this one.
  if (code == cudaErrorNoKernelImageForDevice || code == cudaErrorUnsupportedPtxVersion ||
      code == cudaErrorJitCompilerNotFound)
    fail(ErrorKind::device, "{}: {}", operation,
         no_kernel_text(facts_of(index), index, PECLR_CUDA_ARCHITECTURES));
  fail(is_the_devices_fault(code) ? ErrorKind::device : ErrorKind::failure,
       "{}: CUDA on cuda:{} says {} ({})", operation, index, cudaGetErrorString(code),
       cudaGetErrorName(code));
}

GpuSurvey survey_gpus() {
  GpuSurvey survey;
  cudaDriverGetVersion(&survey.driver_version);
  cudaRuntimeGetVersion(&survey.runtime_version);
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  cudaGetLastError();
  survey.driver = driver_of(status, survey.driver_version);
  survey.fault = cudaGetErrorString(status);
  if (status != cudaSuccess) return survey;
  for (int i = 0; i < count; ++i) survey.gpus.push_back(facts_of(i));
  survey.library_problem = library_problem();
  return survey;
}

Context::Context(int index) : index_(index), facts_(choose_gpu(survey_gpus(), index)) {
  if (const cudaError_t status = add_free_memory(facts_, index); status != cudaSuccess) {
    cudaGetLastError();
    fail(ErrorKind::device, "{}", occupied_text(facts_, index, cudaGetErrorString(status)));
  }
  gpu_of_process = index;
  check_cuda(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "making a stream");
}

Context::~Context() {
  enter_gpu();
  cudaStreamSynchronize(stream_);
  cudaStreamDestroy(stream_);
}

GpuFacts Context::facts() const {
  enter_gpu();
  GpuFacts now = facts_;
  check_cuda(cudaMemGetInfo(&now.free_bytes, &now.total_bytes), "asking for free memory");
  return now;
}

std::string Context::description() const {
  int driver = 0, runtime = 0;
  cudaDriverGetVersion(&driver);
  cudaRuntimeGetVersion(&runtime);
  return fmt::format("{}, driver for CUDA {}, runtime {}", gpu_line(facts_, index_),
                     version_text(driver), version_text(runtime));
}

void Context::wait() const {
  enter_gpu();
  check_cuda(cudaStreamSynchronize(stream_), "waiting for the GPU");
}

void enter_gpu() {
  if (gpu_of_thread == gpu_of_process) return;
  check_cuda(cudaSetDevice(gpu_of_process), "choosing the GPU");
  gpu_of_thread = gpu_of_process;
}

void* gpu_allocate(std::size_t bytes) {
  enter_gpu();
  void* block = nullptr;
  const cudaError_t status = cudaMalloc(&block, bytes);
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    return nullptr;
  }
  check_cuda(status, "allocating GPU memory");
  return block;
}

void gpu_free(void* block, std::size_t) {
  cudaSetDevice(gpu_of_process);
  cudaFree(block);  // also runs while an error unwinds: what it says is of no use to anyone
}

std::string gpu_memory_text(std::int64_t ours) {
  const int index = gpu_of_process;
  GpuFacts facts = facts_of(index);
  add_free_memory(facts, index);
  return full_text(facts, index, ours);
}

void check_last_error(std::string_view operation) { check_cuda(cudaGetLastError(), operation); }

std::shared_ptr<CUevent_st> new_event() {
  enter_gpu();
  cudaEvent_t made = nullptr;
  // Who waits sleeps: a core that spins is one that the loader does not have.
  check_cuda(cudaEventCreateWithFlags(&made, cudaEventDisableTiming | cudaEventBlockingSync),
             "making an event");
  return {made, [](cudaEvent_t e) { cudaEventDestroy(e); }};
}

void copy_from_gpu(const void* from, std::size_t bytes, void* to, Stream stream) {
  enter_gpu();
  check_cuda(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream),
             "copying from the GPU");
  check_cuda(cudaStreamSynchronize(stream), "copying from the GPU");
}

void copy_columns(const void* from, std::size_t from_row, void* to, std::size_t to_row,
                  std::size_t width, std::size_t rows, Stream stream) {
  enter_gpu();
  check_cuda(
      cudaMemcpy2DAsync(to, to_row, from, from_row, width, rows, cudaMemcpyDeviceToDevice, stream),
      "copying on the GPU");
}

void fill_zero(void* to, std::size_t bytes, Stream stream) {
  enter_gpu();
  check_cuda(cudaMemsetAsync(to, 0, bytes, stream), "clearing GPU memory");
}

}  // namespace peclr::cuda
