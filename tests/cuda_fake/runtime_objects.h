// SPDX-License-Identifier: Apache-2.0
// What the tests of the runtime's stand-in are made of.
#pragma once
#include <cuda_runtime_api.h>

#include <catch2/catch.hpp>
#include <string>

#include "tests/cuda_fake/misuse_text.h"

namespace peclr::fake {

struct Stream {
  Stream() { cudaStreamCreateWithFlags(&it, cudaStreamNonBlocking); }
  ~Stream() { cudaStreamDestroy(it); }
  cudaStream_t it = nullptr;
};
struct Event {
  Event() { cudaEventCreate(&it); }
  ~Event() { cudaEventDestroy(it); }
  cudaEvent_t it = nullptr;
};
// Four floats of a card, or pinned.
struct Floats {
  explicit Floats(bool pinned = false) : is_pinned(pinned) {
    void* block = nullptr;
    REQUIRE((pinned ? cudaMallocHost(&block, 16) : cudaMalloc(&block, 16)) == cudaSuccess);
    it = static_cast<float*>(block);
  }
  ~Floats() { is_pinned ? cudaFreeHost(it) : cudaFree(it); }
  bool is_pinned;
  float* it;
};

inline void down(const float* from, float* to, cudaStream_t stream) {
  REQUIRE(cudaMemcpyAsync(to, from, 16, cudaMemcpyDeviceToHost, stream) == cudaSuccess);
}
inline bool has(const std::string& text, const char* words) {
  return text.find(words) != text.npos;
}

}  // namespace peclr::fake
