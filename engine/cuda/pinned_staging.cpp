// SPDX-License-Identifier: Apache-2.0
#include "engine/cuda/pinned_staging.h"

#include <cuda_runtime_api.h>

#include "engine/cuda/context.h"

namespace peclr::cuda {

void* PinnedStaging::allocate(std::size_t bytes) {
  enter_gpu();
  void* block = nullptr;
  if (cudaMallocHost(&block, bytes) == cudaSuccess) return block;
  cudaGetLastError();
  return nullptr;
}

void PinnedStaging::release(void* block, std::size_t) noexcept { cudaFreeHost(block); }

void PinnedStaging::upload(const void* from, void* to, std::size_t bytes, Stream stream) {
  enter_gpu();
  check_cuda(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, stream),
             "copying pictures to the GPU");
}

std::uint64_t PinnedStaging::mark(Stream stream) {
  enter_gpu();
  cudaEvent_t made = nullptr;
  check_cuda(cudaEventCreateWithFlags(&made, cudaEventDisableTiming), "making an event");
  const Event event(made, [](cudaEvent_t e) { cudaEventDestroy(e); });
  check_cuda(cudaEventRecord(made, stream), "recording an event");
  const std::lock_guard lock(mutex_);
  open_[++last_] = event;
  return last_;
}

void PinnedStaging::wait(std::uint64_t mark) {
  std::unique_lock lock(mutex_);
  const auto it = open_.find(mark);
  if (it == open_.end()) return;  // seen done, or never made
  const Event event = it->second;
  lock.unlock();
  enter_gpu();
  check_cuda(cudaEventSynchronize(event.get()), "waiting for copies to the GPU");
  lock.lock();
  open_.erase(open_.begin(), open_.upper_bound(mark));
}

}  // namespace peclr::cuda
