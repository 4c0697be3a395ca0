// SPDX-License-Identifier: Apache-2.0
#include "tests/simt/orders.h"

#include <catch2/catch.hpp>

#include "tests/simt/emulator/schedule.h"

namespace peclr::test {

void for_each_order(const std::function<void()>& body) {
  const struct Restore {
    simt::Schedule before = simt::schedule();
    ~Restore() { simt::set_schedule(before); }
  } restore;
  for (const char* order : {"forward", "reverse", "shuffled:1", "shuffled:2"}) {
    INFO("order of threads and blocks: " << order);
    simt::set_schedule(simt::parse_schedule(order));
    body();
  }
}

}  // namespace peclr::test
