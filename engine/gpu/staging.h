// SPDX-License-Identifier: Apache-2.0
// Memory for pictures and their way to the device. Each kind of backend has its own: pinned memory
// and copies beside the stream's work for CUDA, plain memory for the emulator.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <new>

#include "kernels/stream.h"

namespace peclr::gpu {

class Staging {
 public:
  enum class Side { host, device };  // host: memory that the device reads by itself

  virtual ~Staging() = default;

  // Aligned to 64; null where there is no memory. From any thread, as is upload().
  virtual std::byte* allocate(Side side, std::size_t bytes) = 0;
  virtual void release(Side side, std::byte* block) noexcept = 0;
  // Bytes of the device's memory that can be taken for good.
  virtual std::size_t room() = 0;

  // Queues a copy; `from`, of the host's side, must stay as it is.
  virtual void upload(const std::byte* from, std::byte* to, std::size_t bytes) = 0;
  // What is queued in `stream` from now on finds all copies that are queued now done.
  virtual void join(Stream stream) = 0;
  // A number for "all that is queued in `stream` now", and the wait until it is done, from any
  // thread. What was marked earlier is done earlier.
  virtual std::uint64_t mark(Stream stream) = 0;
  virtual void wait(std::uint64_t mark) = 0;
};

// Where work is done when it is asked for.
class PlainStaging : public Staging {
 public:
  std::byte* allocate(Side, std::size_t bytes) override {
    return static_cast<std::byte*>(operator new(bytes, kAlignment, std::nothrow));
  }
  void release(Side, std::byte* block) noexcept override { operator delete(block, kAlignment); }
  std::size_t room() override { return std::numeric_limits<std::size_t>::max(); }
  void upload(const std::byte* from, std::byte* to, std::size_t bytes) override {
    std::memcpy(to, from, bytes);
  }
  void join(Stream) override {}
  std::uint64_t mark(Stream) override { return 0; }
  void wait(std::uint64_t) override {}

 private:
  static constexpr std::align_val_t kAlignment{64};
};

}  // namespace peclr::gpu
