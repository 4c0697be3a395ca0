// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <string_view>

#include "tests/cuda_fake/runtime/streams.h"

namespace peclr::fake {
namespace {

bool early() {
  static const bool is = [] {
    const char* order = std::getenv("PECLR_FAKE_STREAMS");
    return order && std::string_view(order) == "early";
  }();
  return is;
}

}  // namespace

void Queue::add(std::unique_ptr<Work> work) {
  Work* const added = work.get();
  (first_ ? last_->next : first_) = std::move(work);
  last_ = added;
  ++asked_;
  if (early()) finish(asked());
}

void Queue::step() {
  if (!first_) return;
  const std::unique_ptr<Work> work = std::move(first_);
  first_ = std::move(work->next);
  ++done_;
  work->run();
}

void Queue::finish(std::uint64_t position) {
  while (!is_done(position)) step();
}

}  // namespace peclr::fake
