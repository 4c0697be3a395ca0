// SPDX-License-Identifier: Apache-2.0
// The way from the program's memory to the GPU that nobody waits for: bytes are copied into pinned
// memory, which the card reads by itself, and the caller goes on. Pieces of pinned memory are used
// in turn, each again when the card has read it.
#pragma once
#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>

#include "kernels/stream.h"

struct CUevent_st;

namespace peclr::cuda {

class PinnedRing {
 public:
  PinnedRing();  // throws Error(failure) where the system has no memory to pin
  ~PinnedRing();
  PinnedRing(const PinnedRing&) = delete;
  PinnedRing& operator=(const PinnedRing&) = delete;

  // `to` is GPU memory, written in the stream's order; `from` is free on return. Any thread.
  void upload(const void* from, std::size_t bytes, void* to, Stream stream);

 private:
  static constexpr std::size_t kPieceBytes = std::size_t{1} << 20;
  struct Unpin {
    void operator()(std::byte* block) const;
  };
  struct Piece {
    std::mutex mutex;
    std::byte* data = nullptr;
    std::shared_ptr<CUevent_st> read;  // by the card
  };
  std::unique_ptr<std::byte, Unpin> all_;
  std::array<Piece, 16> pieces_;  // of it
  std::atomic<std::size_t> next_{0};
};

}  // namespace peclr::cuda
