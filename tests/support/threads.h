// SPDX-License-Identifier: Apache-2.0
// The number of threads for a part of a test.
#pragma once
#include "engine/parallel.h"

namespace peclr::test {

// Back to one for each core at the end of its life. One thread is the quickest for small networks
// on a busy machine: those of oneDNN wait for each other by spinning.
class Threads {
 public:
  explicit Threads(int count) { set_threads(count); }
  ~Threads() { set_threads(0); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;
};

}  // namespace peclr::test
