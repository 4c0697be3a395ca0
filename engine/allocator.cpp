// SPDX-License-Identifier: Apache-2.0
#include "engine/allocator.h"

#include <algorithm>
#include <bit>

#include "engine/error.h"

namespace peclr {

CachingAllocator::~CachingAllocator() { give_back_waiting(); }

void CachingAllocator::give_back_waiting() {
  for (auto& [bytes, blocks] : waiting_) {
    for (void* block : blocks) system_free_(block, bytes);
    stats_.bytes_reserved -= static_cast<std::int64_t>(bytes * blocks.size());
  }
  waiting_.clear();
}

std::size_t CachingAllocator::size_class(std::size_t bytes) {
  if (bytes <= 512) return (std::max<std::size_t>(bytes, 1) + 63) / 64 * 64;
  const std::size_t step = std::bit_floor(bytes - 1) / 8;
  return (bytes + step - 1) / step * step;
}

void* CachingAllocator::allocate(std::size_t bytes) {
  const std::size_t rounded = size_class(bytes);
  std::lock_guard lock(mutex_);
  std::vector<void*>& blocks = waiting_[rounded];
  if (blocks.empty()) return count_use(ask_system(rounded), rounded);
  void* block = blocks.back();
  blocks.pop_back();
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
    give_back_waiting();
    block = system_allocate_(rounded);
  }
  if (block == nullptr)
    fail(ErrorKind::failure,
         "out of memory: {} MiB asked for, {} MiB in use{}; use a smaller train.batch_size (and a "
         "larger train.accumulate)",
         rounded >> 20, stats_.bytes_in_use >> 20,
         system_text_ ? ", " + system_text_(stats_.bytes_reserved) : "");
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
  waiting_[rounded].push_back(block);
  stats_.bytes_in_use -= static_cast<std::int64_t>(rounded);
}

MemoryStats CachingAllocator::stats() const {
  std::lock_guard lock(mutex_);
  return stats_;
}

}  // namespace peclr
