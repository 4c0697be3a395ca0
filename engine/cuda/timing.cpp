// SPDX-License-Identifier: Apache-2.0
#include "engine/cuda/timing.h"

#include <cuda_runtime_api.h>

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

TemporaryRoom::TemporaryRoom(std::int64_t bytes)
    : data_(bytes > 0 ? gpu_allocate(static_cast<std::size_t>(bytes)) : nullptr),
      enough_(bytes == 0 || data_ != nullptr) {}

TemporaryRoom::~TemporaryRoom() {
  if (data_) gpu_free(data_, 0);
}

}  // namespace peclr::cuda
