// SPDX-License-Identifier: Apache-2.0
#include "tests/simt/emulator/schedule.h"

#include <cstdlib>
#include <stdexcept>

namespace peclr::simt {
namespace {

Schedule& current() {
  static Schedule schedule = [] {
    const char* text = std::getenv("PECLR_SIMT_ORDER");
    return parse_schedule(text ? text : "forward");
  }();
  return schedule;
}

}  // namespace

Schedule schedule() { return current(); }
void set_schedule(Schedule schedule) { current() = schedule; }

Schedule parse_schedule(const std::string& text) {
  using Order = Schedule::Order;
  if (text == "forward") return {Order::forward};
  if (text == "reverse") return {Order::reverse};
  if (text == "shuffled") return {Order::shuffled};
  const std::string seeded = "shuffled:";
  if (text.starts_with(seeded) && text.size() > seeded.size() &&
      text.find_first_not_of("0123456789", seeded.size()) == text.npos)
    return {Order::shuffled, std::stoull(text.substr(seeded.size()))};
  throw std::invalid_argument("PECLR_SIMT_ORDER=" + text +
                              ": use forward, reverse, shuffled or shuffled:SEED");
}

}  // namespace peclr::simt
