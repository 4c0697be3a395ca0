// SPDX-License-Identifier: Apache-2.0
// The tables of operations, by opcode, which find_operation (program.h) looks into.
#pragma once
#include <map>
#include <string>

#include "tests/simt/ptx/thread.h"

namespace peclr::ptx {

using Table = std::map<std::string, Operation, std::less<>>;

void add_arithmetic(Table& table);   // sums, products, comparisons, bits
void add_rounding(Table& table);     // sums that are not rounded to nearest, and approximations
void add_conversions(Table& table);  // cvt, cvta
void add_memory(Table& table);       // atom and cp.async
void add_meetings(Table& table);     // what a warp or a block does together; branches

// ld, st and mov, whose opcodes say how much they access and where. False: it is none of them.
bool find_access(std::string_view opcode, const std::vector<int>& groups, Access& access,
                 Operation& operation);

constexpr Operation of_thread(Operation::OfThread f, int operands) {
  return {.of_thread = f, .operands = operands};
}

// The opcode's operation for one type: d = f(a), f(a, b), f(a, b, c).
template <class T, auto kF>
constexpr Operation one() {
  return of_thread([](Thread& t, const Instruction& i) { set(t, i[0], T(kF(get<T>(t, i[1])))); },
                   2);
}
template <class T, auto kF>
constexpr Operation two() {
  return of_thread(
      [](Thread& t, const Instruction& i) {
        set(t, i[0], T(kF(get<T>(t, i[1]), get<T>(t, i[2]))));
      },
      3);
}
template <class T, auto kF>
constexpr Operation three() {
  return of_thread(
      [](Thread& t, const Instruction& i) {
        set(t, i[0], T(kF(get<T>(t, i[1]), get<T>(t, i[2]), get<T>(t, i[3]))));
      },
      4);
}

}  // namespace peclr::ptx
