// SPDX-License-Identifier: Apache-2.0
// parallel_for: fixed chunks, every item once, exceptions and threads.
#include "engine/parallel.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <mutex>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/files.h"
#include "tests/support/threads.h"

namespace peclr {
namespace {

using test::Threads;
using Chunk = std::pair<std::int64_t, std::int64_t>;

std::set<Chunk> chunks_of(std::int64_t n, std::int64_t grain) {
  std::set<Chunk> chunks;
  std::mutex mutex;
  int calls = 0;
  parallel_for(n, grain, [&](std::int64_t begin, std::int64_t end) {
    std::lock_guard lock(mutex);
    chunks.insert({begin, end});
    ++calls;
  });
  CHECK(calls == static_cast<int>(chunks.size()));
  return chunks;
}

TEST_CASE("parallel_for: the chunks depend on n and grain alone", "[parallel]") {
  for (const int count : {1, 2, 3, 16}) {
    const Threads guard(count);
    CHECK(threads() == count);
    CHECK(chunks_of(10, 4) == std::set<Chunk>{{0, 4}, {4, 8}, {8, 10}});
    CHECK(chunks_of(8, 4) == std::set<Chunk>{{0, 4}, {4, 8}});
    CHECK(chunks_of(3, 100) == std::set<Chunk>{{0, 3}});
    CHECK(chunks_of(1, 1) == std::set<Chunk>{{0, 1}});
    CHECK(chunks_of(0, 4).empty());
    CHECK(chunks_of(-5, 4).empty());
    CHECK(chunks_of(1000, 1).size() == 1000);
  }
}

TEST_CASE("parallel_for: the first exception comes out, after all chunks were tried",
          "[parallel]") {
  for (const int count : {1, 2, 4}) {
    const Threads guard(count);
    std::atomic<int> tried{0};
    const test::Caught error = test::caught([&] {
      parallel_for(20, 1, [&](std::int64_t begin, std::int64_t) {
        ++tried;
        if (begin == 7) fail(ErrorKind::data, "item {}", begin);
      });
    });
    CHECK(error.kind == static_cast<int>(ErrorKind::data));
    CHECK(error.text == "item 7");
    CHECK(tried == 20);
    CHECK(chunks_of(4, 1).size() == 4);  // and the next loop works
  }
}

TEST_CASE("parallel_for: within itself, and from several threads", "[parallel]") {
  const Threads guard(3);
  std::atomic<std::int64_t> sum{0};
  parallel_for(10, 1, [&](std::int64_t i, std::int64_t) {
    parallel_for(10, 3, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t j = begin; j < end; ++j) sum += 10 * i + j;
    });
  });
  CHECK(sum == 99 * 100 / 2);

  sum = 0;
  std::vector<std::thread> callers;
  for (int t = 0; t < 3; ++t)
    callers.emplace_back([&] {
      parallel_for(100, 7, [&](std::int64_t begin, std::int64_t end) { sum += end - begin; });
    });
  for (std::thread& caller : callers) caller.join();
  CHECK(sum == 300);
}

TEST_CASE("parallel_for: a thread that is one of many works alone", "[parallel]") {
  const Threads guard(4);
  std::set<std::thread::id> workers;
  bool alone = false;
  std::thread loader([&] {
    stay_serial_on_this_thread();
    parallel_for(50, 1,
                 [&](std::int64_t, std::int64_t) { workers.insert(std::this_thread::get_id()); });
    alone = workers == std::set<std::thread::id>{std::this_thread::get_id()};
  });
  loader.join();
  CHECK(alone);
}

TEST_CASE("set_threads: 0 is one for each core", "[parallel]") {
  const Threads guard(0);
  CHECK(threads() == static_cast<int>(std::max(1u, std::thread::hardware_concurrency())));
}

}  // namespace
}  // namespace peclr
