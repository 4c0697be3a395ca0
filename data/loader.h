// SPDX-License-Identifier: Apache-2.0
// Threads that prepare batches ahead of the one who uses them. They work on the elements in any
// order; batches come out strictly in order, and since an element is told only its number, their
// content cannot depend on the threads.
#pragma once
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

namespace peclr {

struct LoaderOptions {
  int threads = 2;  // workers, 1 at least
  int slots = 3;    // batch buffers: one in use, the others filled ahead (at least 2 to work ahead)
  int items = 1;    // elements of a batch
  std::int64_t first_batch = 0;        // the number of the first batch, e.g. after a resume
  std::int64_t end_batch = INT64_MAX;  // one past the last
};

// One element to prepare: element `item` of batch `batch`, into buffer `slot`.
struct LoaderItem {
  std::int64_t batch = 0;
  int item = 0;
  int slot = 0;
};

class Loader {
 public:
  // `prepare` is called from the workers, for different elements at the same time, and writes only
  // to its element of the caller's buffer. What it throws is thrown by the next() of that batch
  // (the lowest element's, if several do).
  using Prepare = std::function<void(const LoaderItem&)>;

  Loader(const LoaderOptions& options, Prepare prepare);
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;
  ~Loader();  // lets the workers finish the elements they are at, and no more

  // Gives the buffer of the previous batch back to the workers, waits for the next batch and
  // returns its slot, which the workers leave alone until the next call. From the end on: throws
  // Error(failure).
  int next();

 private:
  struct Slot {
    int left = 0;  // elements not yet prepared
    int failed_item = 0;
    std::exception_ptr failure;
  };

  void work(std::stop_token stop);
  int slot_of(std::int64_t batch) const { return static_cast<int>(batch % options_.slots); }

  const LoaderOptions options_;
  const Prepare prepare_;
  std::int64_t batch_;  // that next() returned last; only it touches this

  std::mutex mutex_;
  std::condition_variable_any work_changed_;
  std::condition_variable slot_ready_;
  std::vector<Slot> slots_;
  std::int64_t freed_end_;  // batches below it have a buffer
  std::int64_t next_batch_;
  int next_item_ = 0;
  std::vector<std::jthread> workers_;  // last: they use all of the above
};

}  // namespace peclr
