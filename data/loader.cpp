// SPDX-License-Identifier: Apache-2.0
#include "data/loader.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "engine/error.h"
#include "engine/parallel.h"

namespace peclr {

Loader::Loader(const LoaderOptions& options, Prepare prepare)
    : options_(options),
      prepare_(std::move(prepare)),
      batch_(options.first_batch - 1),
      next_batch_(options.first_batch) {
  check(options_.threads >= 1 && options_.slots >= 1 && options_.items >= 1 &&
            options_.first_batch >= 0,
        "Loader: {} threads, {} slots, {} elements, first batch {}", options_.threads,
        options_.slots, options_.items, options_.first_batch);
  slots_.resize(static_cast<std::size_t>(options_.slots));
  for (Slot& slot : slots_) slot.left = options_.items;
  // The buffer of the batch before the first counts as in use until the first next() gives it back.
  freed_end_ = std::min(options_.end_batch, options_.first_batch + options_.slots - 1);
  for (int i = 0; i < options_.threads; ++i) {
    workers_.emplace_back([this](std::stop_token stop) { work(stop); });
  }
}

Loader::~Loader() {
  for (std::jthread& worker : workers_) worker.request_stop();  // all, before the first is joined
}

void Loader::work(std::stop_token stop) {
  stay_serial_on_this_thread();
  // The training threads wait for each other at barriers, some of them spinning: a worker that
  // takes one's place on a core stops them all. Workers therefore only get what is left; the
  // consumer blocks, and so yields, when it is early.
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), 15);
  std::unique_lock lock(mutex_);
  while (true) {
    work_changed_.wait(lock, stop, [this] { return next_batch_ < freed_end_; });
    if (stop.stop_requested()) return;
    const LoaderItem item{next_batch_, next_item_, slot_of(next_batch_)};
    if (++next_item_ == options_.items) {
      next_item_ = 0;
      ++next_batch_;
    }
    lock.unlock();
    std::exception_ptr failure;
    try {
      prepare_(item);
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    Slot& slot = slots_[static_cast<std::size_t>(item.slot)];
    if (failure && (!slot.failure || item.item < slot.failed_item)) {
      slot.failure = std::move(failure);
      slot.failed_item = item.item;
    }
    if (--slot.left == 0) slot_ready_.notify_one();
  }
}

int Loader::next() {
  check(batch_ + 1 < options_.end_batch, "Loader: batch {} is past the last", batch_ + 1);
  const int slot_number = slot_of(batch_ + 1);
  Slot& slot = slots_[static_cast<std::size_t>(slot_number)];
  std::unique_lock lock(mutex_);
  freed_end_ = std::min(options_.end_batch, batch_ + 1 + options_.slots);
  work_changed_.notify_all();
  slot_ready_.wait(lock, [&slot] { return slot.left == 0; });
  if (slot.failure) std::rethrow_exception(slot.failure);
  slot.left = options_.items;  // for its next turn; no worker touches it before that
  ++batch_;
  return slot_number;
}

}  // namespace peclr
