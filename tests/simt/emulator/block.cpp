// SPDX-License-Identifier: Apache-2.0
#include "tests/simt/emulator/block.h"

#include <fmt/format.h>

#include <map>

#include "tests/simt/emulator/fault.h"
#include "tests/simt/emulator/sanitizers.h"

namespace peclr::simt {
namespace {

constexpr unsigned kLanes = 32;

bool same_text(const char* a, const char* b) { return a == b || std::string_view(a) == b; }
bool same_place(const Wait& a, const Wait& b) {
  return a.where.line == b.where.line && same_text(a.where.file, b.where.file) &&
         same_text(a.operation, b.operation);
}

std::string text(const Wait& wait) {
  const std::string mask = wait.mask ? fmt::format(" (mask {:#010x})", wait.mask) : "";
  return fmt::format("{}{} at {}", wait.operation, mask, text(wait.where));
}

// "0-3, 7" of the numbers in `which`, ascending.
std::string ranges(const std::vector<unsigned>& which) {
  std::string out;
  for (std::size_t i = 0; i < which.size();) {
    std::size_t end = i + 1;
    while (end < which.size() && which[end] == which[end - 1] + 1) ++end;
    out += fmt::format("{}{}", i ? ", " : "", which[i]);
    if (end - i > 1) out += fmt::format("-{}", which[end - 1]);
    i = end;
  }
  return out;
}

}  // namespace

std::string text(Where where) { return fmt::format("{}:{}", where.file, where.line); }

Block::Block(const Launch& launch, uint3 index)
    : threads(launch.threads),
      live(launch.threads),
      launch_(launch),
      index_(index),
      warps_((launch.threads + kLanes - 1) / kLanes) {
  for (unsigned t = 0; t < launch.threads; ++t) warps_[t / kLanes].members |= 1u << t % kLanes;
}

void Block::fail(const std::string& what) const {
  throw Fault(fmt::format("kernel {}, block ({}, {}, {}): {}", launch_.kernel, index_.x, index_.y,
                          index_.z, what));
}

void Block::fail_deadlocked() const {
  std::map<std::string, std::vector<unsigned>> waiting;
  for (unsigned t = 0; t < threads.size(); ++t)
    if (threads[t].state == State::waiting) waiting[text(threads[t].wait)].push_back(t);
  std::string what = "deadlock:";
  for (const auto& [place, who] : waiting)
    what += fmt::format("\n  thread{} {} in {}", who.size() > 1 ? "s" : "", ranges(who), place);
  fail(what);
}

void Block::barrier(unsigned thread, Where where, void (*wait)()) {
  const Wait here{"__syncthreads", 0, where};
  if (at_barrier_ == 0)
    barrier_ = here;
  else if (!same_place(barrier_, here))
    fail(fmt::format("divergent barrier: thread {} is in {} while others are in {}", thread,
                     text(here), text(barrier_)));
  const char* token = &barrier_tokens_[barriers_ % 2];
  tsan::release(token);
  if (++at_barrier_ == live) {
    open_barrier();
  } else {
    threads[thread].wait = here;
    threads[thread].state = State::waiting;
    wait();
  }
  tsan::acquire(token);
}

void Block::open_barrier() {
  at_barrier_ = 0;
  ++barriers_;
  for (Thread& t : threads)
    if (t.state == State::waiting && t.wait.mask == 0) t.state = State::ready;
}

Meeting& Block::meeting_of(Warp& warp, unsigned mask) {
  for (const auto& meeting : warp.meetings)
    if (meeting->mask == mask) return *meeting;
  warp.meetings.push_back(std::make_unique<Meeting>(Meeting{.mask = mask}));
  return *warp.meetings.back();
}

void Block::meeting(unsigned thread, const Wait& at, void* mine, Resolve resolve, Memory memory,
                    void (*wait)()) {
  Warp& warp = warps_[thread / kLanes];
  const unsigned bit = 1u << thread % kLanes;
  if (!(at.mask & bit))
    fail(fmt::format("thread {} (lane {}) is not in its own mask: {}", thread, thread % kLanes,
                     text(at)));
  if (at.mask & ~warp.members)
    fail(fmt::format("thread {} names lanes that its warp does not have: {}", thread, text(at)));
  Meeting& meeting = meeting_of(warp, at.mask);
  if (meeting.arrived == 0) {
    meeting.wait = at;
    meeting.resolve = resolve;
  } else if (!same_place(meeting.wait, at)) {
    fail(fmt::format("lanes of a warp meet in different places: thread {} in {}, others in {}",
                     thread, text(at), text(meeting.wait)));
  }
  meeting.arrived |= bit;
  threads[thread].deposit = mine;
  const char* token = &meeting.tokens[meeting.number % 2];
  if (memory == Memory::ordered) tsan::release(token);
  threads[thread].wait = at;
  threads[thread].state = State::waiting;
  if (meeting.arrived == (at.mask & ~warp.exited)) hold(thread / kLanes * kLanes, meeting);
  if (threads[thread].state == State::waiting) wait();
  threads[thread].state = State::ready;
  if (memory == Memory::ordered) tsan::acquire(token);
}

// All have arrived: resolves their deposits and sets them free.
void Block::hold(unsigned first_thread, Meeting& meeting) {
  const unsigned present = meeting.arrived;
  meeting.arrived = 0;
  ++meeting.number;
  void* lanes[kLanes] = {};
  for (unsigned l = 0; l < kLanes; ++l) {
    if (!(present >> l & 1)) continue;
    Thread& t = threads[first_thread + l];
    lanes[l] = t.deposit;
    t.state = State::ready;
  }
  if (!meeting.resolve) return;
  const tsan::Unwatched unwatched;
  meeting.resolve(lanes, present);
}

// Nobody waits for a thread that has exited.
void Block::exit(unsigned thread) {
  threads[thread].state = State::done;
  --live;
  if (at_barrier_ != 0 && at_barrier_ == live) open_barrier();
  Warp& warp = warps_[thread / kLanes];
  warp.exited |= 1u << thread % kLanes;
  for (const auto& meeting : warp.meetings)
    if (meeting->arrived != 0 && meeting->arrived == (meeting->mask & ~warp.exited))
      hold(thread / kLanes * kLanes, *meeting);
}

}  // namespace peclr::simt
