// SPDX-License-Identifier: Apache-2.0
// Runs a launch: blocks one after another on the calling thread, the threads of a block on fibers.
// Threads that never wait share one fiber and cost little more than a call.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <exception>
#include <new>
#include <numeric>
#include <optional>
#include <random>

#include "tests/simt/emulator/block.h"
#include "tests/simt/emulator/fault.h"
#include "tests/simt/emulator/fiber.h"
#include "tests/simt/emulator/schedule.h"
#include "tests/simt/ptx/machine.h"

namespace peclr::simt {
namespace {

constexpr std::size_t kMaxThreads = 1024;

// Shared memory of a block, of exactly the size asked for, so that a sanitizer sees what is beyond.
class SharedMemory {
 public:
  explicit SharedMemory(const Launch& launch)
      : size_(launch.shared_bytes), alignment_(launch.shared_alignment) {}
  ~SharedMemory() { release(); }
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;

  // For the next block. All bits set is a NaN of every type: who reads what nobody wrote sees it.
  void renew() {
    if (size_ == 0) return;
    if (tsan::kOn) release();
    if (!data_) data_ = operator new(size_, std::align_val_t(alignment_));
    std::memset(data_, 0xFF, size_);
  }
  void release() {
    if (data_) operator delete(data_, std::align_val_t(alignment_));
    data_ = nullptr;
  }
  void* data() { return data_; }

 private:
  std::size_t size_, alignment_;
  void* data_ = nullptr;
};

// What a thread's fences order: docs/kernels.md.
struct FenceOrder {
  std::vector<const void*> counted;  // addresses of its atomics since its last fence
  bool fenced = false;
};

// Fibers to run threads on. The host's thread keeps them from launch to launch, each suspended
// where it asks for work. For the race detector every block gets new ones on new memory, or blocks
// would seem to follow one another.
struct Fibers {
  explicit Fibers(std::size_t count) : stacks(count) { all.reserve(count); }
  Stacks stacks;
  std::vector<Fiber> all;
  std::vector<Fiber*> idle;
};
thread_local Fiber host;
thread_local std::unique_ptr<Fibers> kept_fibers;

class Runner;
constinit thread_local Runner* running = nullptr;

class Runner {
 public:
  explicit Runner(const Launch& launch);
  ~Runner();
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  void run_grid();

  // For the thread that runs.
  Block& block() { return *block_; }
  unsigned thread() const { return thread_; }
  void wait();
  FenceOrder& fence_order() { return fence_orders_[thread_]; }

 private:
  static void enter();
  void work();
  void renew_block(uint3 index);
  void run_block(uint3 index);
  void resume(unsigned thread);
  Fiber& idle_fiber(uint3 block);
  void end_watch(void* fiber);

  const Launch& launch_;
  const Schedule schedule_ = schedule();
  std::mt19937_64 random_{schedule_.seed};
  SharedMemory shared_;
  std::unique_ptr<Block> block_;
  std::unique_ptr<Fibers>& fibers_ = kept_fibers;
  std::vector<unsigned> order_;  // of threads
  unsigned next_ = 0;            // in order_, of those that have not begun
  Fiber* fiber_ = nullptr;       // that runs
  unsigned thread_ = 0;          // that runs
  std::exception_ptr fault_;

  // For the race detector.
  std::vector<FenceOrder> fence_orders_;  // of the block's threads
  std::deque<void*> watched_;             // the fibers of this launch, as it knows them
  const char ended_ = 0;                  // what all threads release into and the host acquires
};

Runner::Runner(const Launch& launch) : launch_(launch), shared_(launch), order_(launch.threads) {
  host.tsan_fiber = tsan::current_fiber();
  if (launch.grid.y > 65535 || launch.grid.z > 65535)
    throw Fault(fmt::format("kernel {}: a grid of {} x {} x {} blocks; y and z go to 65535",
                            launch.kernel, launch.grid.x, launch.grid.y, launch.grid.z));
  if (running) throw Fault(fmt::format("kernel {}: launched by a kernel", launch.kernel));
  running = this;
  blockDim = {launch.threads, 1, 1};
  gridDim = launch.grid;
  std::iota(order_.begin(), order_.end(), 0u);
  if (schedule_.order == Schedule::Order::reverse) std::reverse(order_.begin(), order_.end());
}

Runner::~Runner() {
  const tsan::Unwatched unwatched;
  block_.reset();
  shared_.release();
  running = nullptr;
  // After a fault there are fibers in the middle of the kernel.
  if (tsan::kOn || std::uncaught_exceptions()) fibers_.reset();
  for (void* fiber : watched_) end_watch(fiber);
  tsan::acquire(&ended_);
}

// What the thread of this fiber has done, to its end or to a fault's, is before what the host does
// after the launch.
void Runner::end_watch(void* fiber) {
  tsan::switch_to(fiber);
  tsan::release(&ended_);
  tsan::switch_to(host.tsan_fiber);
  tsan::destroy_fiber(fiber);
}

void Runner::run_grid() {
  const uint3 g = launch_.grid;
  const std::size_t count = std::size_t{g.x} * g.y * g.z;
  std::vector<std::size_t> shuffled;
  if (schedule_.order == Schedule::Order::shuffled) {
    shuffled.resize(count);
    std::iota(shuffled.begin(), shuffled.end(), std::size_t{0});
    std::shuffle(shuffled.begin(), shuffled.end(), random_);
  }
  for (std::size_t i = 0; i < count; ++i) {
    const bool reverse = schedule_.order == Schedule::Order::reverse;
    const std::size_t b = reverse ? count - 1 - i : shuffled.empty() ? i : shuffled[i];
    run_block({static_cast<unsigned>(b % g.x), static_cast<unsigned>(b / g.x % g.y),
               static_cast<unsigned>(b / g.x / g.y)});
  }
}

// What the last block's threads did to the memory that is given back here is no race with the host.
void Runner::renew_block(uint3 index) {
  const tsan::Unwatched unwatched;
  shared_.renew();
  block_ = std::make_unique<Block>(launch_, index);
  if (tsan::kOn) fence_orders_.assign(launch_.threads, {});
}

void Runner::run_block(uint3 index) {
  renew_block(index);
  blockIdx = index;
  if (tsan::kOn || !fibers_)
    fibers_ = std::make_unique<Fibers>(tsan::kOn ? launch_.threads : kMaxThreads);
  const bool shuffled = schedule_.order == Schedule::Order::shuffled;
  if (shuffled) std::shuffle(order_.begin(), order_.end(), random_);
  for (next_ = 0; next_ < order_.size() && !fault_;) {
    fiber_ = &idle_fiber(index);
    switch_fiber(host, *fiber_);
  }
  while (block_->live && !fault_) {
    if (shuffled) std::shuffle(order_.begin(), order_.end(), random_);
    bool progress = false;
    for (const unsigned t : order_) {
      if (block_->threads[t].state != State::ready) continue;
      resume(t);
      progress = true;
      if (fault_) break;
    }
    if (!progress) block_->fail_deadlocked();
  }
  if (fault_) std::rethrow_exception(fault_);
}

Fiber& Runner::idle_fiber(uint3 block) {
  if (!fibers_->idle.empty()) {
    Fiber& fiber = *fibers_->idle.back();
    fibers_->idle.pop_back();
    return fiber;
  }
  Fiber& fiber = fibers_->all.emplace_back();
  fibers_->stacks.prepare(fiber, fibers_->all.size() - 1, enter);
  if constexpr (tsan::kOn) {
    // It can follow 8,000 at a time. A number that is used again may hide a race: late, then.
    constexpr std::size_t kMostWatched = 6000;
    if (watched_.size() == kMostWatched) {
      end_watch(watched_.front());
      watched_.pop_front();
    }
    const std::string name =
        fmt::format("block ({}, {}, {}) thread {}", block.x, block.y, block.z, order_[next_]);
    fiber.tsan_fiber = watched_.emplace_back(tsan::create_fiber(name.c_str()));
  }
  return fiber;
}

// What a fiber does all its life. `running` may be another runner after each switch.
void Runner::enter() {
  fiber_entered(host);
  for (;;) {
    running->work();
    Fiber& me = *running->fiber_;
    if (!tsan::kOn) running->fibers_->idle.push_back(&me);
    switch_fiber(me, host);
  }
}

// Runs thread after thread on this fiber, for as long as there are any that have not begun.
void Runner::work() {
  try {
    while (next_ < order_.size()) {
      thread_ = order_[next_++];
      threadIdx = {thread_, 0, 0};
      launch_.thread(launch_.params, shared_.data());
      block_->exit(thread_);
      if (tsan::kOn) return;
    }
  } catch (...) {
    fault_ = std::current_exception();
  }
}

void Runner::resume(unsigned thread) {
  thread_ = thread;
  threadIdx = {thread, 0, 0};
  fiber_ = static_cast<Fiber*>(block_->threads[thread].fiber);
  switch_fiber(host, *fiber_);
}

void Runner::wait() {
  Fiber& me = *fiber_;
  block_->threads[thread_].fiber = &me;
  switch_fiber(me, host);
}

void wait_for_my_turn() { running->wait(); }

}  // namespace

namespace {

constinit thread_local Tasks* recorded = nullptr;
constinit Queue queue = nullptr;

void run_grid(const Launch& launch) {
  if (ptx::chosen())
    ptx::run(launch);
  else
    Runner(launch).run_grid();
}

// A launch with its own copy of what the host handed over.
class KeptLaunch {
 public:
  explicit KeptLaunch(const Launch& launch)
      : launch_(launch),
        name_(launch.kernel),
        params_((launch.params_bytes + sizeof(Unit) - 1) / sizeof(Unit)) {
    std::memcpy(params_.data(), launch.params, launch.params_bytes);
  }
  void operator()() const {
    Launch launch = launch_;
    launch.kernel = name_.c_str();
    launch.params = params_.data();
    run_grid(launch);
  }

 private:
  struct alignas(128) Unit {
    unsigned char bytes[128];
  };
  Launch launch_;
  std::string name_;
  std::vector<Unit> params_;
};

}  // namespace

void run(const Launch& launch) {
  if (recorded)
    recorded->push_back(KeptLaunch(launch));
  else if (queue)
    queue(launch.stream, launch.kernel, KeptLaunch(launch));
  else
    run_grid(launch);
}

void set_queue(Queue to) { queue = to; }

Recorder::Recorder(Tasks& tasks) { recorded = &tasks; }
Recorder::~Recorder() { recorded = nullptr; }

void block_barrier(Where where) {
  running->block().barrier(running->thread(), where, wait_for_my_turn);
}

void warp_meeting(const char* operation, unsigned mask, void* mine, Resolve resolve, Memory memory,
                  Where where) {
  running->block().meeting(running->thread(), {operation, mask, where}, mine, resolve, memory,
                           wait_for_my_turn);
}

void check_source(unsigned lane, unsigned lanes, Where where) {
  if (lane >= 32 || !(lanes >> lane & 1))
    running->block().fail(
        fmt::format("a shuffle reads lane {}, which is not in the mask or has exited, at {}", lane,
                    text(where)));
}

void check_aligned(const void* address, std::size_t alignment, Where where) {
  if (reinterpret_cast<std::uintptr_t>(address) % alignment != 0)
    running->block().fail(
        fmt::format("thread {} reads or writes {} bytes at an address that is no "
                    "multiple of them, at {}",
                    running->thread(), alignment, text(where)));
}

// An atomic orders nothing by itself; with a fence before it and one after the atomic that reads
// it, it does.
void before_atomic(const void* address) {
  if (tsan::kOn && running->fence_order().fenced) tsan::release(address);
}
void after_atomic(const void* address) {
  if (tsan::kOn) running->fence_order().counted.push_back(address);
}
void fence() {
  if (!tsan::kOn) return;
  FenceOrder& order = running->fence_order();
  for (const void* address : order.counted) tsan::acquire(address);
  order = {.counted = {}, .fenced = true};
}

}  // namespace peclr::simt
