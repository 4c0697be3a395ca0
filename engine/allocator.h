// SPDX-License-Identifier: Apache-2.0
// Caching allocator. Freed blocks wait in a list of exactly their size class, so a training step
// that asks for the same sizes as the step before gets the same number of blocks and never reaches
// the system again: step times are steady. What a step asks for within a StepScope comes from
// blocks that nobody else gets, so that a recorded step may use its addresses at any time.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

namespace peclr {

struct MemoryStats {
  std::int64_t system_allocations = 0;  // how often the system was asked
  std::int64_t bytes_reserved = 0;      // held from the system, used or waiting
  std::int64_t bytes_in_use = 0;
  std::int64_t peak_bytes_in_use = 0;
};

class CachingAllocator {
 public:
  using SystemAllocate = void* (*)(std::size_t bytes);  // returns null when there is no memory
  using SystemFree = void (*)(void* block, std::size_t bytes);
  // For errors: what the system says of its memory, of which `reserved` bytes are held here.
  using SystemText = std::string (*)(std::int64_t reserved);

  CachingAllocator(SystemAllocate from_system, SystemFree to_system, SystemText text = nullptr)
      : system_allocate_(from_system), system_free_(to_system), system_text_(text) {}
  ~CachingAllocator();
  CachingAllocator(const CachingAllocator&) = delete;
  CachingAllocator& operator=(const CachingAllocator&) = delete;

  // At least `bytes`, aligned to 64. Where the system has no more, blocks that wait go back to it
  // first. Throws OutOfMemory that says how much was asked for and is in use.
  void* allocate(std::size_t bytes);
  // The same for what stays while steps come and go (weights in a library's layout). It never takes
  // a waiting block: one that a step handed on to the next would be missed there.
  void* allocate_lasting(std::size_t bytes);
  void release(void* block, std::size_t bytes);  // the size given to allocate
  MemoryStats stats() const;
  // Gives the blocks that wait back to the system, for those who ask it themselves; but for those
  // that recordings hold.
  void give_back_waiting();

  // While it lives, what its thread allocates comes from the blocks of steps and, wherever it is
  // released, goes back to them. One at a time.
  class StepScope {
   public:
    explicit StepScope(CachingAllocator& memory);
    ~StepScope();
    StepScope(const StepScope&) = delete;
    StepScope& operator=(const StepScope&) = delete;

   private:
    CachingAllocator& memory_;
  };
  // Within a scope, a part that is not of the step, on the same thread.
  class StepPause {
   public:
    explicit StepPause(CachingAllocator& memory);
    ~StepPause();
    StepPause(const StepPause&) = delete;
    StepPause& operator=(const StepPause&) = delete;

   private:
    CachingAllocator& memory_;
    std::optional<std::thread::id> paused_;
  };
  // Whether the blocks of steps never go back to the system: recordings hold their places. Returns
  // what held before.
  bool keep_step_blocks(bool keep);

  // Sizes are rounded up to an eighth of a power of two: at most 12.5 % are lost.
  static std::size_t size_class(std::size_t bytes);

 private:
  using Waiting = std::map<std::size_t, std::vector<void*>>;

  void* ask_system(std::size_t rounded);
  void give_back_all();
  void give_back(Waiting& waiting);
  void* count_use(void* block, std::size_t rounded);

  SystemAllocate system_allocate_;
  SystemFree system_free_;
  SystemText system_text_;
  mutable std::mutex mutex_;
  Waiting waiting_, waiting_steps_;
  std::unordered_set<void*> step_blocks_;
  std::optional<std::thread::id> step_thread_;  // of the scope that lives
  bool keep_step_blocks_ = false;
  MemoryStats stats_;
};

}  // namespace peclr
