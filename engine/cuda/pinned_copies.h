// SPDX-License-Identifier: Apache-2.0
// The way back: a few numbers that the card writes into pinned memory in its own time, so that it
// can be given the next step before the host has read them.
#pragma once
#include <array>
#include <cstddef>
#include <memory>

#include "engine/host_copy.h"
#include "kernels/stream.h"

struct CUevent_st;

namespace peclr::cuda {

// For one thread.
class PinnedCopies {
 public:
  PinnedCopies();  // throws Error(failure) where the system has no memory to pin
  ~PinnedCopies();
  PinnedCopies(const PinnedCopies&) = delete;
  PinnedCopies& operator=(const PinnedCopies&) = delete;

  static constexpr std::size_t kFloats = 64, kPlaces = 16;

  // Copies `count` floats of GPU memory in the stream's order. What is returned must not outlive
  // this. Throws Error(failure) for more than kFloats, or where kPlaces copies are still held.
  std::unique_ptr<HostCopy> fetch(const float* from, std::size_t count, Stream stream);

 private:
  class Copy;
  struct Place {
    float* values = nullptr;
    CUevent_st* done = nullptr;
    bool held = false;
  };
  std::array<Place, kPlaces> places_;
};

}  // namespace peclr::cuda
