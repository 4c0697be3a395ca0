// SPDX-License-Identifier: Apache-2.0
#include "engine/cuda/pinned_staging.h"

#include <cuda_runtime_api.h>

#include <algorithm>

#include "engine/cuda/context.h"

namespace peclr::cuda {

PinnedStaging::PinnedStaging() {
  enter_gpu();
  check_cuda(cudaStreamCreateWithFlags(&copies_, cudaStreamNonBlocking),
             "making a stream for pictures");
  // Only streams wait for it, no thread sleeps: the cheapest kind.
  check_cuda(cudaEventCreateWithFlags(&copied_, cudaEventDisableTiming), "making an event");
}

PinnedStaging::~PinnedStaging() {
  cudaEventDestroy(copied_);
  cudaStreamDestroy(copies_);
}

std::byte* PinnedStaging::allocate(Side side, std::size_t bytes) {
  enter_gpu();
  void* block = nullptr;
  const int status = side == Side::host ? cudaMallocHost(&block, bytes) : cudaMalloc(&block, bytes);
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError();  // answered here
    return nullptr;
  }
  check_cuda(status, "allocating memory for pictures");
  return static_cast<std::byte*>(block);
}

void PinnedStaging::release(Side side, std::byte* block) noexcept {
  cudaStreamSynchronize(copies_);  // of a batch that nobody waited for
  if (side == Side::host)
    cudaFreeHost(block);
  else
    cudaFree(block);
}

// A tenth of the card is left to others.
std::size_t PinnedStaging::room() {
  enter_gpu();
  std::size_t free = 0, all = 0;
  check_cuda(cudaMemGetInfo(&free, &all), "asking for the GPU's free memory");
  return free - std::min(free, all / 10);
}

void PinnedStaging::upload(const std::byte* from, std::byte* to, std::size_t bytes) {
  enter_gpu();
  check_cuda(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, copies_),
             "copying pictures to the GPU");
}

void PinnedStaging::join(Stream stream) {
  enter_gpu();
  check_cuda(cudaEventRecord(copied_, copies_), "recording an event");
  check_cuda(cudaStreamWaitEvent(stream, copied_, 0), "waiting for pictures");
}

std::uint64_t PinnedStaging::mark(Stream stream) {
  enter_gpu();
  const Event event = new_event();
  check_cuda(cudaEventRecord(event.get(), stream), "recording an event");
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
