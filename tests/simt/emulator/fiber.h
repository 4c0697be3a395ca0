// SPDX-License-Identifier: Apache-2.0
// A stack that can be left and come back to. The host's own stack is one too, without memory of
// ours.
#pragma once
#include <cstddef>
#include <memory>
#include <vector>

#include "tests/simt/emulator/sanitizers.h"

namespace peclr::simt {

inline constexpr std::size_t kStackBytes = 256 << 10;

struct Fiber {
  void* context = nullptr;  // where it was left: the stack pointer, or a ucontext_t
  const void* bottom = nullptr;
  std::size_t size = 0;
  void* fake_stack = nullptr;  // AddressSanitizer's
  void* tsan_fiber = nullptr;  // ThreadSanitizer's
  void (*entry)() = nullptr;   // never returns
};

// Leaves `from`, which runs, for `to`; returns when somebody comes back to `from`.
void switch_fiber(Fiber& from, Fiber& to);
// The first thing that an entry does: `host` is where all fibers are entered from.
void fiber_entered(Fiber& host);

// Memory for `count` stacks, each with a page below it that may not be touched.
class Stacks {
 public:
  explicit Stacks(std::size_t count);
  ~Stacks();
  Stacks(const Stacks&) = delete;
  Stacks& operator=(const Stacks&) = delete;

  // Sets the fiber to enter `entry` on stack `index` when it is first switched to.
  void prepare(Fiber& fiber, std::size_t index, void (*entry)());

 private:
  std::byte* memory_;
  std::size_t count_;
};

}  // namespace peclr::simt
