// SPDX-License-Identifier: Apache-2.0
#include "engine/cuda/timing.h"

#include <cuda_runtime_api.h>

#include <chrono>

#include "engine/cuda/context.h"

namespace peclr::cuda {

Stopwatch::Stopwatch(Stream stream) : stream_(stream) {
  for (cudaEvent_t& event : events_) check_cuda(cudaEventCreate(&event), "making an event");
}

Stopwatch::~Stopwatch() {
  for (cudaEvent_t event : events_) cudaEventDestroy(event);
}

double Stopwatch::microseconds(const std::function<void()>& enqueue) {
  check_cuda(cudaEventRecord(events_[0], stream_), "recording an event");
  enqueue();
  check_cuda(cudaEventRecord(events_[1], stream_), "recording an event");
  check_cuda(cudaEventSynchronize(events_[1]), "waiting for timed work");
  float milliseconds = 0;
  check_cuda(cudaEventElapsedTime(&milliseconds, events_[0], events_[1]), "timing");
  return 1e3 * milliseconds;
}

double Stopwatch::microseconds(int runs, const std::function<void()>& ahead,
                               const std::function<void()>& enqueue) {
  ahead();
  return microseconds([&] {
           for (int i = 0; i < runs; ++i) enqueue();
         }) /
         runs;
}

void warm_up(Stopwatch& watch, double seconds, const std::function<void()>& work) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (std::chrono::steady_clock::now() < end) watch.microseconds(work);
}

TemporaryRoom::TemporaryRoom(CachingAllocator& memory, std::int64_t bytes) {
  if (bytes <= 0) return;
  const auto size = static_cast<std::size_t>(bytes);
  data_ = gpu_allocate(size);
  if (!data_) {
    memory.give_back_waiting();
    data_ = gpu_allocate(size);
  }
  enough_ = data_ != nullptr;
}

TemporaryRoom::~TemporaryRoom() {
  if (data_) gpu_free(data_, 0);
}

}  // namespace peclr::cuda
