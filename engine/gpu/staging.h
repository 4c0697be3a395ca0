// SPDX-License-Identifier: Apache-2.0
// The way of pictures to the device: memory of the host that any thread may fill, with as much of
// the device's behind it. Each kind of backend has its own: pinned memory and copies beside the
// stream's work for CUDA, plain memory for the emulator.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>

#include "kernels/stream.h"

namespace peclr::gpu {

class Staging {
 public:
  struct Piece {
    std::byte *host, *device;  // each aligned to 64
    std::size_t bytes;
  };

  virtual ~Staging() = default;

  virtual Piece allocate(std::size_t bytes) = 0;  // throws Error(failure): no memory
  virtual void release(const Piece& piece) noexcept = 0;

  // Queues the copy of [offset, offset + bytes) to the device; the host's must stay as it is. From
  // any thread.
  virtual void upload(const Piece& piece, std::size_t offset, std::size_t bytes) = 0;
  // What is queued in `stream` from now on finds all copies that are queued now done.
  virtual void join(Stream stream) = 0;
  // A number for "all that is queued in `stream` now", and the wait until it is done, from any
  // thread. What was marked earlier is done earlier.
  virtual std::uint64_t mark(Stream stream) = 0;
  virtual void wait(std::uint64_t mark) = 0;
};

// Where work is done when it is asked for.
class PlainStaging final : public Staging {
 public:
  Piece allocate(std::size_t bytes) override { return {block(bytes), block(bytes), bytes}; }
  void release(const Piece& piece) noexcept override {
    operator delete(piece.host, kAlignment);
    operator delete(piece.device, kAlignment);
  }
  void upload(const Piece& piece, std::size_t offset, std::size_t bytes) override {
    std::memcpy(piece.device + offset, piece.host + offset, bytes);
  }
  void join(Stream) override {}
  std::uint64_t mark(Stream) override { return 0; }
  void wait(std::uint64_t) override {}

 private:
  static constexpr std::align_val_t kAlignment{64};
  static std::byte* block(std::size_t bytes) {
    return static_cast<std::byte*>(operator new(bytes, kAlignment));
  }
};

}  // namespace peclr::gpu
