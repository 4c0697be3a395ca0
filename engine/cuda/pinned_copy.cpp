// SPDX-License-Identifier: Apache-2.0
#include "engine/cuda/pinned_copy.h"

#include <cuda_runtime_api.h>

#include "engine/backend.h"
#include "engine/cuda/context.h"

namespace peclr::cuda {

PinnedCopy::PinnedCopy(std::int64_t count, Stream stream, const bool& recording)
    : count_(static_cast<std::size_t>(count)),
      stream_(stream),
      recording_(recording),
      done_(new_event()) {
  void* values = nullptr;
  check_cuda(cudaMallocHost(&values, count_ * sizeof(float)),
             "pinning memory for copies from the GPU");
  values_ = static_cast<float*>(values);
}

PinnedCopy::~PinnedCopy() {
  cudaEventSynchronize(done_.get());  // the card may write to it still
  cudaFreeHost(values_);
}

void PinnedCopy::fetch(const Tensor& from) {
  check(!recording_, "a step that is recorded copies to the host");
  check(from.count() == static_cast<std::int64_t>(count_),
        "fetching {} into a place for {} numbers", from.shape().text(), count_);
  enter_gpu();
  check_cuda(cudaMemcpyAsync(values_, from.data<float>(), count_ * sizeof(float),
                             cudaMemcpyDeviceToHost, stream_),
             "copying from the GPU");
  check_cuda(cudaEventRecord(done_.get(), stream_), "recording an event");
}

bool PinnedCopy::ready() const {
  enter_gpu();
  const int status = cudaEventQuery(done_.get());
  if (status == cudaErrorNotReady) {
    cudaGetLastError();  // CUDA keeps it as the thread's last error, though it is none
    return false;
  }
  check_cuda(status, "asking for a copy from the GPU");
  return true;
}

std::span<const float> PinnedCopy::wait() {
  enter_gpu();
  check_cuda(cudaEventSynchronize(done_.get()), "waiting for a copy from the GPU");
  return {values_, count_};
}

}  // namespace peclr::cuda
