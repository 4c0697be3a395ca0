// SPDX-License-Identifier: Apache-2.0
#include "engine/cuda/pinned_staging.h"

#include <cuda_runtime_api.h>

#include "engine/cuda/context.h"

namespace peclr::cuda {
namespace {

std::shared_ptr<CUevent_st> new_event() {
  cudaEvent_t made = nullptr;
  check_cuda(cudaEventCreateWithFlags(&made, cudaEventDisableTiming), "making an event");
  return {made, [](cudaEvent_t e) { cudaEventDestroy(e); }};
}

}  // namespace

PinnedStaging::PinnedStaging() {
  enter_gpu();
  check_cuda(cudaStreamCreateWithFlags(&copies_, cudaStreamNonBlocking),
             "making a stream for pictures");
}

PinnedStaging::~PinnedStaging() { cudaStreamDestroy(copies_); }

gpu::Staging::Piece PinnedStaging::allocate(std::size_t bytes) {
  enter_gpu();
  void *host = nullptr, *device = nullptr;
  check_cuda(cudaMallocHost(&host, bytes), "pinning memory for pictures");
  const int status = cudaMalloc(&device, bytes);
  if (status != cudaSuccess) cudaFreeHost(host);
  check_cuda(status, "allocating the GPU's memory for pictures");
  return {static_cast<std::byte*>(host), static_cast<std::byte*>(device), bytes};
}

void PinnedStaging::release(const Piece& piece) noexcept {
  cudaFreeHost(piece.host);
  cudaFree(piece.device);
}

void PinnedStaging::upload(const Piece& piece, std::size_t offset, std::size_t bytes) {
  enter_gpu();
  check_cuda(cudaMemcpyAsync(piece.device + offset, piece.host + offset, bytes,
                             cudaMemcpyHostToDevice, copies_),
             "copying pictures to the GPU");
}

void PinnedStaging::join(Stream stream) {
  enter_gpu();
  const Event copied = new_event();
  check_cuda(cudaEventRecord(copied.get(), copies_), "recording an event");
  check_cuda(cudaStreamWaitEvent(stream, copied.get(), 0), "waiting for pictures");
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
