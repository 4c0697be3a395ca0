// SPDX-License-Identifier: Apache-2.0
// A backend that knows how much memory was in use at a time, since one chose to ask.
#pragma once
#include <algorithm>

#include "engine/backend.h"

namespace peclr::bench {

template <class Base>
class CountedBackend : public Base {
 public:
  using Base::Base;

  void* allocate(std::size_t bytes) override { return count(Base::allocate(bytes), bytes); }
  void* allocate_lasting(std::size_t bytes) override {
    return count(Base::allocate_lasting(bytes), bytes);
  }
  void release(void* block, std::size_t bytes) override {
    in_use_ -= static_cast<std::int64_t>(bytes);
    Base::release(block, bytes);
  }

  void reset_peak() { peak_ = in_use_; }
  std::int64_t peak_bytes() const { return peak_; }

 private:
  void* count(void* block, std::size_t bytes) {
    in_use_ += static_cast<std::int64_t>(bytes);
    peak_ = std::max(peak_, in_use_);
    return block;
  }

  std::int64_t in_use_ = 0, peak_ = 0;
};

}  // namespace peclr::bench
