// SPDX-License-Identifier: Apache-2.0
#include "tests/simt/ptx/machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "tests/simt/emulator/fault.h"
#include "tests/simt/emulator/schedule.h"
#include "tests/simt/ptx/operations.h"
#include "tests/simt/ptx/traffic.h"

namespace peclr::ptx {
namespace {

using Kind = Operation::Kind;
using State = Thread::State;

bool reversed() { return simt::schedule().order != simt::Schedule::Order::forward; }

class Block {
 public:
  Block(const Function& function, const simt::Launch& launch)
      : function_(function),
        threads_(launch.threads),
        registers_(std::size_t{launch.threads} * static_cast<std::size_t>(function.registers)),
        shared_(launch.shared_bytes + kAlignment),
        grid_(launch.grid),
        reverse_(reversed()) {
    void* aligned = shared_.data();
    std::size_t room = shared_.size();
    std::align(kAlignment, launch.shared_bytes, aligned, room);
    for (unsigned i = 0; i < launch.threads; ++i) {
      Thread& t = threads_[i];
      t.registers = registers_.data() + i * static_cast<std::size_t>(function.registers);
      t.shared = static_cast<unsigned char*>(aligned);
      t.shared_bytes = launch.shared_bytes;
      t.params = static_cast<const unsigned char*>(launch.params);
      t.params_bytes = launch.params_bytes;
      t.index = i;
    }
  }

  void run(const uint3& block) {
    std::fill(shared_.begin(), shared_.end(), 0xFF);
    std::fill(registers_.begin(), registers_.end(), ~std::uint64_t{0});
    for (Thread& t : threads_) {
      const auto special = [&](Special which, unsigned value) {
        t.registers[static_cast<int>(which)] = value;
      };
      special(Special::tid_x, t.index);
      special(Special::ctaid_x, block.x);
      special(Special::ctaid_y, block.y);
      special(Special::ctaid_z, block.z);
      special(Special::ntid_x, static_cast<unsigned>(threads_.size()));
      special(Special::nctaid_x, grid_.x);
      special(Special::nctaid_y, grid_.y);
      special(Special::nctaid_z, grid_.z);
      t.pc = 0;
      t.state = State::running;
      t.copies.assign(1, {});
    }
    while (live()) {
      bool moved = false;
      for (std::size_t k = 0; k < threads_.size(); ++k) {
        Thread& t = threads_[reverse_ ? threads_.size() - 1 - k : k];
        if (t.state != State::running) continue;
        go_on(t);
        moved = true;
      }
      for (std::size_t first = 0; first < threads_.size(); first += 32) moved |= meet(first);
      moved |= pass_barrier();
      if (!moved) fail_stuck();
    }
    if (Traffic* const of_all = traffic()) of_all->end_block(function_);
  }

 private:
  static constexpr std::size_t kAlignment = 128;

  bool live() const {
    return std::any_of(threads_.begin(), threads_.end(),
                       [](const Thread& t) { return t.state != State::exited; });
  }
  const Instruction& at(const Thread& t) const {
    return function_.code[static_cast<std::size_t>(t.pc)];
  }

  void go_on(Thread& t) const {
    const Instruction* const code = function_.code.data();
    for (;;) {
      const Instruction& i = code[t.pc];
      if (i.guard >= 0 && (t.registers[i.guard] != 0) == i.unless) {
        ++t.pc;
        continue;
      }
      switch (i.does.kind) {
        case Kind::thread:
          i.does.of_thread(t, i);
          ++t.pc;
          break;
        case Kind::branch:
          t.pc = i.target;
          break;
        case Kind::exit:
          t.state = State::exited;
          return;
        case Kind::barrier:
          t.state = State::at_barrier;
          return;
        case Kind::warp:
          t.state = State::at_meeting;
          return;
      }
    }
  }

  // Lets those of a warp go on whose partners have all come.
  bool meet(std::size_t first) {
    bool moved = false;
    const std::size_t lanes = std::min<std::size_t>(32, threads_.size() - first);
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      Thread& t = threads_[first + lane];
      if (t.state != State::at_meeting) continue;
      const Instruction& i = at(t);
      const std::uint32_t mask = mask_of(t);
      if (!(mask >> lane & 1))
        throw simt::Fault(
            fmt::format("line {}, thread {}: not in its own mask: {}", i.line, t.index, i.text));
      Warp warp;
      bool all = i.does.mask >= 0 || lanes == 32;
      for (std::size_t other = 0; other < lanes; ++other) {
        Thread& o = threads_[first + other];
        if (!(mask >> other & 1)) continue;
        const bool here = o.state == State::at_meeting && o.pc == t.pc && mask_of(o) == mask;
        if (here) warp.lanes[other] = &o;
        all &= here || (o.state == State::exited && i.does.mask >= 0);
      }
      if (!all) continue;
      i.does.of_warp(warp, i);
      for (Thread* o : warp.lanes) {
        if (!o) continue;
        ++o->pc;
        o->state = State::running;
      }
      moved = true;
    }
    return moved;
  }

  // Which lanes come to the meeting that a thread waits for.
  std::uint32_t mask_of(const Thread& t) const {
    const Instruction& i = at(t);
    return i.does.mask < 0 ? ~0u : get<std::uint32_t>(t, i[i.does.mask]);
  }

  // A barrier is aligned: all of a warp come to the same.
  bool pass_barrier() {
    for (std::size_t i = 0; i < threads_.size(); ++i) {
      const Thread &t = threads_[i], &first = threads_[i / 32 * 32];
      if (t.state == State::exited) continue;
      if (t.state != State::at_barrier) return false;
      if (first.state == State::at_barrier && first.pc != t.pc) return false;
    }
    bool moved = false;
    for (Thread& t : threads_)
      if (t.state == State::at_barrier) {
        ++t.pc;
        t.state = State::running;
        moved = true;
      }
    return moved;
  }

  [[noreturn]] void fail_stuck() const {
    std::string text = "threads wait for each other:";
    const Instruction* before = nullptr;
    for (const Thread& t : threads_)
      if (t.state != State::exited && &at(t) != before) {
        before = &at(t);
        text += fmt::format("\n  thread {} at line {}: {}", t.index, before->line, before->text);
      }
    throw simt::Fault(text);
  }

  const Function& function_;
  std::vector<Thread> threads_;
  std::vector<std::uint64_t> registers_;
  std::vector<unsigned char> shared_;
  uint3 grid_;
  bool reverse_;
};

}  // namespace

void run(const Function& function, const simt::Launch& launch) try {
  if (launch.threads != function.threads || launch.params_bytes != function.params_bytes)
    throw simt::Fault(
        fmt::format("launched with {} threads and {} bytes of parameters, built for {} and {}",
                    launch.threads, launch.params_bytes, function.threads, function.params_bytes));
  Block block(function, launch);
  const std::uint64_t blocks = std::uint64_t{launch.grid.x} * launch.grid.y * launch.grid.z;
  const bool reverse = reversed();
  for (std::uint64_t k = 0; k < blocks; ++k) {
    const std::uint64_t b = reverse ? blocks - 1 - k : k;
    block.run({static_cast<unsigned>(b % launch.grid.x),
               static_cast<unsigned>(b / launch.grid.x % launch.grid.y),
               static_cast<unsigned>(b / launch.grid.x / launch.grid.y)});
  }
} catch (const simt::Fault& fault) {
  throw simt::Fault(fmt::format("{} ({}): {}", function.name, function.file, fault.what()));
}

}  // namespace peclr::ptx
