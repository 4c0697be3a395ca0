// SPDX-License-Identifier: Apache-2.0
// In which order the emulator runs the threads of a block and the blocks of a grid. A right kernel
// gives the same bits in every order.
#pragma once
#include <cstdint>
#include <string>

namespace peclr::simt {

struct Schedule {
  enum class Order { forward, reverse, shuffled } order = Order::forward;
  std::uint64_t seed = 1;  // of shuffled
};

// What launches use, of the whole process; at first what PECLR_SIMT_ORDER says: forward, reverse,
// shuffled or shuffled:SEED. Throws std::invalid_argument for any other text.
Schedule schedule();
void set_schedule(Schedule schedule);  // not while a kernel runs
Schedule parse_schedule(const std::string& text);

}  // namespace peclr::simt
