// SPDX-License-Identifier: Apache-2.0
// Weights as the card's convolutions want them: bf16, or with zeros for the padding channels of
// pictures. Made once a version of the weights (Storage::version), not once a call.
#pragma once
#include <cstdint>
#include <map>
#include <tuple>

#include "engine/allocator.h"
#include "engine/tensor.h"
#include "kernels/stream.h"

namespace peclr::cuda {

class PreparedWeights {
 public:
  // Copies live in `memory`.
  PreparedWeights(CachingAllocator& memory, Stream stream) : memory_(memory), stream_(stream) {}
  ~PreparedWeights() { forget(nullptr, reinterpret_cast<const void*>(~std::uintptr_t{0})); }
  PreparedWeights(const PreparedWeights&) = delete;
  PreparedWeights& operator=(const PreparedWeights&) = delete;

  // w f32 [O, k, k, I] as [O, k, k, channels] of `type`; channels are I, or more where I is 3. The
  // answer is good until the weights change.
  const void* get(const Tensor& w, DType type, std::int64_t channels);

  // Drops copies of what lies in [begin, end): its memory is being freed.
  void forget(const void* begin, const void* end);

 private:
  struct Copy {
    std::uint64_t version = 0;
    void* data = nullptr;
    std::size_t bytes = 0;
  };
  // Address, channels and type; 0 channels: the whole storage, in another type.
  using Key = std::tuple<const void*, std::int64_t, DType>;

  Copy& room(const Key& key, std::size_t bytes);

  CachingAllocator& memory_;
  Stream stream_;
  std::map<Key, Copy> copies_;
};

}  // namespace peclr::cuda
