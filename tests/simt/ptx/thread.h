// SPDX-License-Identifier: Apache-2.0
// The threads of a block as PTX sees them. A register is 64 bits wide; of what is narrower the
// lowest bits are looked at; a predicate is 0 or 1.
#pragma once
#include <array>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

#include "tests/simt/ptx/program.h"

namespace peclr::ptx {

// A copy from global to shared memory that has not arrived.
struct Copy {
  std::size_t shared;
  const void* global;
};

struct Thread {
  enum class State { running, at_barrier, at_meeting, exited };

  std::uint64_t* registers = nullptr;
  unsigned char* shared = nullptr;
  std::size_t shared_bytes = 0;
  const unsigned char* params = nullptr;
  std::size_t params_bytes = 0;
  unsigned index = 0;
  int pc = 0;
  State state = State::running;
  std::vector<std::vector<Copy>> copies{1};  // in groups; the last is open
};

// Lanes that have come to one instruction: null where a lane takes no part.
struct Warp {
  std::array<Thread*, 32> lanes{};
};

inline std::uint64_t bits(const Thread& t, const Operand& o) {
  return o.reg < 0 ? o.value : t.registers[o.reg];
}
template <class T>
T get(const Thread& t, const Operand& o) {
  const std::uint64_t word = bits(t, o);
  if constexpr (std::is_same_v<T, bool>) return word != 0;
  T value;
  std::memcpy(&value, &word, sizeof value);
  return value;
}
template <class T>
void set(Thread& t, const Operand& o, T value) {
  std::uint64_t word = 0;
  std::memcpy(&word, &value, sizeof value);
  t.registers[o.reg] = word;
}
inline std::uint64_t address(const Thread& t, const Operand& o) {
  return o.reg < 0 ? o.value : t.registers[o.reg] + o.value;
}

// Where `bytes` of an access lie. Throws simt::Fault where they are outside of shared memory or of
// the parameters, or at no multiple of their size.
unsigned char* place(Thread& t, const Instruction& i, Access::Space space, std::uint64_t at,
                     std::size_t bytes);

}  // namespace peclr::ptx
