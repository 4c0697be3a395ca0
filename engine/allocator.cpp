// SPDX-License-Identifier: Apache-2.0
#include "engine/allocator.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "engine/error.h"

namespace peclr {

CachingAllocator::~CachingAllocator() {
  keep_step_blocks_ = false;
  give_back_all();
}

void CachingAllocator::give_back_waiting() {
  const std::lock_guard lock(mutex_);
  give_back_all();
}

void CachingAllocator::give_back_all() {
  give_back(waiting_);
  if (!keep_step_blocks_) give_back(waiting_steps_);
}

void CachingAllocator::give_back(Waiting& waiting) {
  for (auto& [bytes, blocks] : waiting) {
    for (void* block : blocks) {
      step_blocks_.erase(block);
      system_free_(block, bytes);
    }
    stats_.bytes_reserved -= static_cast<std::int64_t>(bytes * blocks.size());
  }
  waiting.clear();
}

CachingAllocator::StepScope::StepScope(CachingAllocator& memory) : memory_(memory) {
  const std::lock_guard lock(memory_.mutex_);
  check(!memory_.step_thread_, "a step within a step");
  // Steps release in another order than they ask, so a list left as it is would hand its blocks to
  // other tensors each time. Sorted, every step finds what the step before found.
  for (auto& [bytes, blocks] : memory_.waiting_steps_) std::sort(blocks.begin(), blocks.end());
  memory_.step_thread_ = std::this_thread::get_id();
}

CachingAllocator::StepScope::~StepScope() {
  const std::lock_guard lock(memory_.mutex_);
  memory_.step_thread_.reset();
}

CachingAllocator::StepPause::StepPause(CachingAllocator& memory) : memory_(memory) {
  const std::lock_guard lock(memory_.mutex_);
  paused_ = std::exchange(memory_.step_thread_, std::nullopt);
}

CachingAllocator::StepPause::~StepPause() {
  const std::lock_guard lock(memory_.mutex_);
  memory_.step_thread_ = paused_;
}

bool CachingAllocator::keep_step_blocks(bool keep) {
  const std::lock_guard lock(mutex_);
  return std::exchange(keep_step_blocks_, keep);
}

std::size_t CachingAllocator::size_class(std::size_t bytes) {
  if (bytes <= 512) return (std::max<std::size_t>(bytes, 1) + 63) / 64 * 64;
  const std::size_t step = std::bit_floor(bytes - 1) / 8;
  return (bytes + step - 1) / step * step;
}

void* CachingAllocator::allocate(std::size_t bytes) {
  const std::size_t rounded = size_class(bytes);
  std::lock_guard lock(mutex_);
  const bool step = step_thread_ == std::this_thread::get_id();
  std::vector<void*>& blocks = (step ? waiting_steps_ : waiting_)[rounded];
  if (!blocks.empty()) {
    void* const block = blocks.back();
    blocks.pop_back();
    return count_use(block, rounded);
  }
  void* const block = ask_system(rounded);
  if (step) step_blocks_.insert(block);
  return count_use(block, rounded);
}

void* CachingAllocator::allocate_lasting(std::size_t bytes) {
  const std::size_t rounded = size_class(bytes);
  std::lock_guard lock(mutex_);
  return count_use(ask_system(rounded), rounded);
}

void* CachingAllocator::ask_system(std::size_t rounded) {
  void* block = system_allocate_(rounded);
  if (block == nullptr) {
    give_back_all();
    block = system_allocate_(rounded);
  }
  if (block == nullptr)
    throw OutOfMemory(fmt::format("out of memory: {} MiB asked for, {} MiB in use{}", rounded >> 20,
                                  stats_.bytes_in_use >> 20,
                                  system_text_ ? ", " + system_text_(stats_.bytes_reserved) : ""));
  ++stats_.system_allocations;
  stats_.bytes_reserved += static_cast<std::int64_t>(rounded);
  return block;
}

void* CachingAllocator::count_use(void* block, std::size_t rounded) {
  stats_.bytes_in_use += static_cast<std::int64_t>(rounded);
  stats_.peak_bytes_in_use = std::max(stats_.peak_bytes_in_use, stats_.bytes_in_use);
  return block;
}

void CachingAllocator::release(void* block, std::size_t bytes) {
  const std::size_t rounded = size_class(bytes);
  std::lock_guard lock(mutex_);
  (step_blocks_.contains(block) ? waiting_steps_ : waiting_)[rounded].push_back(block);
  stats_.bytes_in_use -= static_cast<std::int64_t>(rounded);
}

MemoryStats CachingAllocator::stats() const {
  std::lock_guard lock(mutex_);
  return stats_;
}

}  // namespace peclr
