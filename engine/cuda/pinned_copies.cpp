// SPDX-License-Identifier: Apache-2.0
#include "engine/cuda/pinned_copies.h"

#include <cuda_runtime_api.h>

#include <algorithm>

#include "engine/cuda/context.h"
#include "engine/error.h"

namespace peclr::cuda {

class PinnedCopies::Copy final : public HostCopy {
 public:
  Copy(Place& place, std::size_t count) : place_(place), count_(count) { place_.held = true; }
  ~Copy() override {
    cudaEventSynchronize(place_.done);  // nobody gets the place while the card may write to it
    place_.held = false;
  }

  bool ready() const override {
    enter_gpu();
    const int status = cudaEventQuery(place_.done);
    if (status == cudaErrorNotReady) {
      cudaGetLastError();  // CUDA keeps it as the thread's last error, though it is none
      return false;
    }
    check_cuda(status, "asking for a copy from the GPU");
    return true;
  }

  std::span<const float> wait() override {
    enter_gpu();
    check_cuda(cudaEventSynchronize(place_.done), "waiting for a copy from the GPU");
    return {place_.values, count_};
  }

 private:
  Place& place_;
  std::size_t count_;
};

PinnedCopies::PinnedCopies() {
  enter_gpu();
  void* all = nullptr;
  check_cuda(cudaMallocHost(&all, kPlaces * kFloats * sizeof(float)),
             "pinning memory for copies from the GPU");
  for (std::size_t i = 0; i < kPlaces; ++i) {
    places_[i].values = static_cast<float*>(all) + i * kFloats;
    check_cuda(cudaEventCreateWithFlags(&places_[i].done, cudaEventDisableTiming),
               "making an event");
  }
}

PinnedCopies::~PinnedCopies() {
  for (const Place& place : places_)
    if (place.done) cudaEventDestroy(place.done);
  cudaFreeHost(places_[0].values);
}

std::unique_ptr<HostCopy> PinnedCopies::fetch(const float* from, std::size_t count, Stream stream) {
  check(count <= kFloats, "fetching {} numbers at once, at most {}", count, kFloats);
  const auto place =
      std::find_if(places_.begin(), places_.end(), [](const Place& p) { return !p.held; });
  check(place != places_.end(), "{} copies from the GPU are held, give some up first", kPlaces);
  enter_gpu();
  check_cuda(
      cudaMemcpyAsync(place->values, from, count * sizeof(float), cudaMemcpyDeviceToHost, stream),
      "copying from the GPU");
  check_cuda(cudaEventRecord(place->done, stream), "recording an event");
  return std::make_unique<Copy>(*place, count);
}

}  // namespace peclr::cuda
