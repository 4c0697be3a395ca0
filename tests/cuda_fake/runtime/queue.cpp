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

void Queue::add(Work work) {
  waiting_.push_back(std::move(work));
  if (early()) finish(asked());
}

void Queue::step() {
  if (waiting_.empty()) return;
  const Work work = std::move(waiting_.front());
  waiting_.pop_front();
  ++done_;
  work();
}

void Queue::finish(std::uint64_t position) {
  while (!is_done(position)) step();
}

}  // namespace peclr::fake
