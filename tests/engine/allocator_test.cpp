// SPDX-License-Identifier: Apache-2.0
// The caching allocator over a system that counts.
#include "engine/allocator.h"

#include <catch2/catch.hpp>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <set>
#include <thread>

#include "tests/support/files.h"

namespace peclr {
namespace {

using test::Caught;
using test::caught;

// The system that the allocator under test sees.
std::map<void*, std::size_t> given;
std::size_t limit = SIZE_MAX, total_limit = SIZE_MAX;

void* give(std::size_t bytes) {
  std::size_t total = bytes;
  for (const auto& [block, size] : given) total += size;
  if (bytes > limit || total > total_limit) return nullptr;
  void* block = std::aligned_alloc(64, bytes);
  given[block] = bytes;
  return block;
}
void take_back(void* block, std::size_t bytes) {
  CHECK(given.at(block) == bytes);
  given.erase(block);
  std::free(block);
}

TEST_CASE("allocator: size classes hold what is asked and waste little", "[allocator]") {
  std::size_t last = 0;
  for (std::size_t bytes = 0; bytes < 5000; ++bytes) {
    const std::size_t rounded = CachingAllocator::size_class(bytes);
    CHECK(rounded >= std::max<std::size_t>(bytes, 1));
    CHECK(rounded % 64 == 0);
    CHECK(rounded >= last);                                   // monotonous
    CHECK(CachingAllocator::size_class(rounded) == rounded);  // a class holds its own size
    if (bytes >= 512) CHECK(8 * (rounded - bytes) <= bytes);
    last = rounded;
  }
  for (int power = 13; power < 40; ++power)
    for (const std::int64_t off : {-1, 0, 1, 1000}) {
      const std::size_t bytes = (std::size_t{1} << power) + static_cast<std::size_t>(off);
      const std::size_t rounded = CachingAllocator::size_class(bytes);
      CHECK(rounded >= bytes);
      CHECK(8 * (rounded - bytes) <= bytes);
    }
  CHECK(CachingAllocator::size_class(1 << 20) == 1 << 20);
  CHECK(CachingAllocator::size_class((1 << 20) + 1) == (1 << 20) + (1 << 17));
}

TEST_CASE("allocator: a released block is given again for its class, and for no other",
          "[allocator]") {
  {
    CachingAllocator memory(give, take_back);
    void* const a = memory.allocate(1000);
    CHECK(reinterpret_cast<std::uintptr_t>(a) % 64 == 0);
    memory.release(a, 1000);
    void* const smaller = memory.allocate(500);
    CHECK(smaller != a);
    void* const same = memory.allocate(1001);  // other bytes, same class
    CHECK(same == a);
    void* const another = memory.allocate(1000);
    CHECK(another != a);
    CHECK(memory.stats().system_allocations == 3);
    memory.release(smaller, 500);
    memory.release(same, 1001);
    memory.release(another, 1000);
    CHECK(given.size() == 3);  // all wait
  }
  CHECK(given.empty());  // and go back with the allocator
}

TEST_CASE("allocator: the figures follow", "[allocator]") {
  CachingAllocator memory(give, take_back);
  void* const a = memory.allocate(1024);
  void* const b = memory.allocate(64);
  CHECK(memory.stats().bytes_in_use == 1088);
  CHECK(memory.stats().bytes_reserved == 1088);
  memory.release(a, 1024);
  CHECK(memory.stats().bytes_in_use == 64);
  CHECK(memory.stats().bytes_reserved == 1088);
  CHECK(memory.stats().peak_bytes_in_use == 1088);
  void* const c = memory.allocate(1024);
  CHECK(memory.stats().system_allocations == 2);
  CHECK(memory.stats().peak_bytes_in_use == 1088);
  memory.release(b, 64);
  memory.release(c, 1024);
  CHECK(memory.stats().bytes_in_use == 0);
}

TEST_CASE("allocator: what lasts takes no block that steps hand on", "[allocator]") {
  CachingAllocator memory(give, take_back);
  const auto step = [&](std::size_t bytes) { memory.release(memory.allocate(bytes), bytes); };
  step(4096);
  void* const lasting = memory.allocate_lasting(4096);  // made during the first step
  const std::int64_t first = memory.stats().system_allocations;
  step(4096);
  CHECK(memory.stats().system_allocations == first);
  CHECK(memory.stats().bytes_in_use == 4096);
  memory.release(lasting, 4096);
  CHECK(memory.stats().bytes_in_use == 0);
}

TEST_CASE("allocator: a system without memory is an error that says how much was asked",
          "[allocator]") {
  CachingAllocator memory(give, take_back);
  void* const held = memory.allocate(3 << 20);
  limit = 4 << 20;
  const Caught error = caught([&] { memory.allocate(std::size_t{512} << 20); });
  limit = SIZE_MAX;
  CHECK(error.kind == static_cast<int>(ErrorKind::failure));
  CHECK(error.names("512 MiB"));
  CHECK(error.names("3 MiB in use"));
  CHECK(error.one_line());
  CHECK(memory.stats().bytes_in_use == 3 << 20);  // as if it had not been asked
  CHECK(memory.stats().system_allocations == 1);
  memory.release(held, 3 << 20);
}

TEST_CASE("allocator: blocks that wait go back before a system without memory is an error",
          "[allocator]") {
  CachingAllocator memory(give, take_back, [](std::int64_t reserved) {
    return "the system says so of " + std::to_string(reserved);
  });
  void* const held = memory.allocate(1 << 20);
  memory.release(memory.allocate(2 << 20), 2 << 20);
  memory.release(memory.allocate(4 << 20), 4 << 20);
  CHECK(given.size() == 3);
  total_limit = 8 << 20;
  void* const block = memory.allocate(7 << 20);  // fits when the two that wait are gone
  CHECK(given.size() == 2);
  CHECK(memory.stats().bytes_reserved == 8 << 20);
  CHECK(memory.stats().bytes_in_use == 8 << 20);
  const Caught error = caught([&] { memory.allocate(1 << 20); });
  total_limit = SIZE_MAX;
  CHECK(error.names("8 MiB in use, the system says so of 8388608"));
  memory.release(block, 7 << 20);
  memory.release(held, 1 << 20);
}

TEST_CASE("allocator: what waits goes back when it is asked for, but not what recordings hold",
          "[allocator]") {
  CachingAllocator memory(give, take_back);
  void* const held = memory.allocate(1 << 20);
  const auto pass = [&](std::size_t bytes) { memory.release(memory.allocate(bytes), bytes); };
  const auto pass_in_step = [&](std::size_t bytes) {
    const CachingAllocator::StepScope step(memory);
    pass(bytes);
  };
  pass(2 << 20);
  pass_in_step(4 << 20);
  memory.keep_step_blocks(true);
  memory.give_back_waiting();
  CHECK(memory.stats().bytes_reserved == 5 << 20);
  memory.keep_step_blocks(false);
  memory.give_back_waiting();
  CHECK(memory.stats().bytes_reserved == 1 << 20);
  CHECK(given.size() == 1);
  memory.release(held, 1 << 20);
}

TEST_CASE("allocator: several threads never hold the same block", "[allocator]") {
  CachingAllocator memory(give, take_back);
  constexpr int kThreads = 4, kRounds = 2000;
  std::vector<std::thread> workers;
  std::vector<int> damaged(kThreads);
  for (int t = 0; t < kThreads; ++t)
    workers.emplace_back([&, t] {
      for (int i = 0; i < kRounds; ++i) {
        const std::size_t bytes = 64u * static_cast<std::size_t>(1 + (i * 7 + t) % 5);
        auto* const block = static_cast<volatile int*>(memory.allocate(bytes));
        *block = t * kRounds + i;
        std::this_thread::yield();
        damaged[static_cast<std::size_t>(t)] += *block != t * kRounds + i;
        memory.release(const_cast<int*>(block), bytes);
      }
    });
  for (std::thread& worker : workers) worker.join();
  for (const int count : damaged) CHECK(count == 0);
  CHECK(memory.stats().bytes_in_use == 0);
  CHECK(memory.stats().system_allocations <= 5 * kThreads);
}

}  // namespace
}  // namespace peclr
