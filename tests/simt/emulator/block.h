// SPDX-License-Identifier: Apache-2.0
// One block of threads while it runs: who waits where, and whom an arrival sets free. Knows nothing
// of fibers: the runner (runner.cpp) gives it the thread that runs and a way to wait.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "kernels/emulated.h"

namespace peclr::simt {

// What a thread waits for, and where.
struct Wait {
  const char* operation = "";  // "__syncthreads"
  unsigned mask = 0;           // of lanes; 0 for the whole block
  Where where;
};

enum class State : unsigned char { fresh, ready, waiting, done };
struct Thread {
  State state = State::fresh;
  void* fiber = nullptr;    // the runner's
  Wait wait;                // while waiting
  void* deposit = nullptr;  // for a meeting of its warp
};

// Lanes of a warp that meet under one mask, one meeting after another.
struct Meeting {
  unsigned mask, arrived = 0;
  unsigned number = 0;  // how many have been held
  Wait wait;
  Resolve resolve = nullptr;
  std::unique_ptr<char[]> tokens = std::make_unique<char[]>(2);  // as Block's
};
struct Warp {
  unsigned members = 0, exited = 0;
  std::vector<std::unique_ptr<Meeting>> meetings;
};

class Block {
 public:
  Block(const Launch& launch, uint3 index);

  // Of the thread that runs. Each waits by calling wait(), which returns once the state is ready.
  void barrier(unsigned thread, Where where, void (*wait)());
  void meeting(unsigned thread, const Wait& at, void* mine, Resolve resolve, Memory memory,
               void (*wait)());
  void exit(unsigned thread);

  // Throws Fault with what all waiting threads wait for.
  [[noreturn]] void fail_deadlocked() const;
  [[noreturn]] void fail(const std::string& what) const;  // Fault that names kernel and block

  std::vector<Thread> threads;
  unsigned live;  // threads that have not exited

 private:
  void open_barrier();
  void hold(unsigned first_thread, Meeting& meeting);
  Meeting& meeting_of(Warp& warp, unsigned mask);

  const Launch& launch_;
  uint3 index_;
  std::vector<Warp> warps_;
  unsigned at_barrier_ = 0, barriers_ = 0;
  Wait barrier_;
  // What the race detector sees threads release into and acquire from, by turns: a thread that is
  // already at the next barrier must not seem to have been ahead of one that has yet to leave this.
  std::unique_ptr<char[]> barrier_tokens_ = std::make_unique<char[]>(2);
};

std::string text(Where where);

}  // namespace peclr::simt
