// SPDX-License-Identifier: Apache-2.0
// Memory on the host where any thread may put what the device is to copy. Each kind of backend has
// its own: pinned memory for CUDA, plain memory for the emulator.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "kernels/stream.h"

namespace peclr::gpu {

class Staging {
 public:
  virtual ~Staging() = default;

  virtual void* allocate(std::size_t bytes) = 0;  // aligned to 64; null when there is no memory
  virtual void release(void* block, std::size_t bytes) noexcept = 0;

  // Queues a copy to the device's memory; `from` must stay as it is until the copy is done.
  virtual void upload(const void* from, void* to, std::size_t bytes, Stream stream) = 0;
  // A number for "all uploads so far", and the wait until they are done, from any thread.
  virtual std::uint64_t mark(Stream stream) = 0;
  virtual void wait(std::uint64_t mark) = 0;
};

// Where the device's memory is the host's.
class PlainStaging final : public Staging {
 public:
  void* allocate(std::size_t bytes) override {
    return std::aligned_alloc(64, (bytes + 63) / 64 * 64);
  }
  void release(void* block, std::size_t) noexcept override { std::free(block); }
  void upload(const void* from, void* to, std::size_t bytes, Stream) override {
    std::memcpy(to, from, bytes);
  }
  std::uint64_t mark(Stream) override { return 0; }
  void wait(std::uint64_t) override {}
};

}  // namespace peclr::gpu
