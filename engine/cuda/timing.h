// SPDX-License-Identifier: Apache-2.0
// What the search for the fastest algorithm needs: time on the card, and memory for a moment.
#pragma once
#include <array>
#include <cstdint>
#include <functional>

#include "engine/allocator.h"
#include "kernels/stream.h"

struct CUevent_st;

namespace peclr::cuda {

class Stopwatch {
 public:
  explicit Stopwatch(Stream stream);
  ~Stopwatch();
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

  // Of the work on the stream that `enqueue` asks for. Waits for it, and throws what it failed of.
  double microseconds(const std::function<void()>& enqueue);
  // Of one of `runs` runs in a row. `ahead` asks for work that is not timed and takes the card
  // longer than it takes the host to ask for the runs: an idle card would wait for each.
  double microseconds(int runs, const std::function<void()>& ahead,
                      const std::function<void()>& enqueue);

 private:
  Stream stream_;
  std::array<CUevent_st*, 2> events_{};
};

// A card that had nothing to do runs at a fraction of its clock, and takes a while to notice: has
// it do `work` over and over for so long.
void warm_up(Stopwatch& watch, double seconds, const std::function<void()>& work);

// Straight from the system: the odd sizes of a search are not asked for again, and would stay in an
// allocator's lists. What waits in those of `memory` goes back where room is short.
class TemporaryRoom {
 public:
  TemporaryRoom(CachingAllocator& memory, std::int64_t bytes);
  ~TemporaryRoom();
  TemporaryRoom(const TemporaryRoom&) = delete;
  TemporaryRoom& operator=(const TemporaryRoom&) = delete;

  void* data() const { return data_; }
  bool enough() const { return enough_; }  // or the card has no such room

 private:
  void* data_ = nullptr;
  bool enough_ = true;
};

}  // namespace peclr::cuda
