// SPDX-License-Identifier: Apache-2.0
// What the search for the fastest algorithm needs: time on the card, and memory for a moment.
#pragma once
#include <array>
#include <cstdint>
#include <functional>

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

 private:
  Stream stream_;
  std::array<CUevent_st*, 2> events_{};
};

// Straight from the system: the odd sizes of a search are not asked for again, and would stay in an
// allocator's lists.
class TemporaryRoom {
 public:
  explicit TemporaryRoom(std::int64_t bytes);
  ~TemporaryRoom();
  TemporaryRoom(const TemporaryRoom&) = delete;
  TemporaryRoom& operator=(const TemporaryRoom&) = delete;

  void* data() const { return data_; }
  bool enough() const { return enough_; }  // or the card has no such room

 private:
  void* data_;
  bool enough_;
};

}  // namespace peclr::cuda
