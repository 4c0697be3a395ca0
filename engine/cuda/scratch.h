// SPDX-License-Identifier: Apache-2.0
// What libraries work in, for as long as the work is asked for.
#pragma once
#include <fmt/format.h>

#include "engine/allocator.h"
#include "engine/error.h"

namespace peclr::cuda {

// Asked for by all that need no more: the same block does, as one works behind another in the
// stream.
inline constexpr std::size_t kScratchBytes = std::size_t{64} << 20;

class Scratch {
 public:
  // Null for 0 bytes. Throws OutOfMemory, which says that it is for name().
  template <class Name>
  Scratch(CachingAllocator& memory, std::size_t bytes, Name name) : memory_(memory), bytes_(bytes) {
    try {
      if (bytes > 0) data_ = memory.allocate(bytes);
    } catch (const OutOfMemory& e) {
      throw OutOfMemory(fmt::format("room for {}: {}", name(), e.what()));
    }
  }
  // The next to get this memory works behind us in the same stream.
  ~Scratch() {
    if (data_) memory_.release(data_, bytes_);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  void* data() const { return data_; }

 private:
  CachingAllocator& memory_;
  std::size_t bytes_;
  void* data_ = nullptr;
};

}  // namespace peclr::cuda
