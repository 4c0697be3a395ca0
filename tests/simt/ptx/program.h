// SPDX-License-Identifier: Apache-2.0
// What nvcc made of the kernels, read from its PTX (NVIDIA, "Parallel Thread Execution ISA").
#pragma once
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace peclr::ptx {

struct Thread;
struct Warp;
struct Instruction;

// Text that is no PTX, or has what this machine does not know: the line and what is wrong.
class Unknown : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// A register, a constant's bits, or an address: register + value. Names of parameters and of
// shared memory are addresses in a space of their own that begins at 0.
struct Operand {
  int reg = -1;             // -1: none
  std::uint64_t value = 0;  // of a constant; to be added to an address
};

// What an instruction does: to one thread, or to all threads of a warp that have come to it.
struct Operation {
  using OfThread = void (*)(Thread&, const Instruction&);
  using OfWarp = void (*)(Warp&, const Instruction&);
  enum class Kind { thread, warp, barrier, branch, exit };
  Kind kind = Kind::thread;
  OfThread of_thread = nullptr;
  OfWarp of_warp = nullptr;
  int mask = -1;     // of a warp: which operand says who comes; -1: all 32 lanes
  int operands = 0;  // how many it takes
};

// How memory is accessed: `count` values side by side of `bytes` each.
struct Access {
  enum class Space { generic, global, shared, param } space = Space::generic;
  int bytes = 0, count = 1;
  bool is_signed = false;
};

struct Instruction {
  Operation does;
  int guard = -1;  // the register of @p or @!p
  bool unless = false;
  std::vector<Operand> operands;  // those within braces and behind | one after the other
  Access access;
  int target = -1;  // of a branch
  int line = 0;
  std::string text;

  const Operand& operator[](int i) const { return operands[static_cast<std::size_t>(i)]; }
};

// Special registers have the first places of a thread's registers.
enum class Special { tid_x, ctaid_x, ctaid_y, ctaid_z, ntid_x, nctaid_x, nctaid_y, nctaid_z };
inline constexpr int kSpecials = 8;

struct Function {
  std::string name, file;
  std::size_t params_bytes = 0;
  unsigned threads = 0;  // .maxntid
  int registers = 0;
  std::vector<Instruction> code;
};

// A mangled name as C++ writes it; as it is where it is none.
std::string demangled(const char* name);

// By the name of the kernel's type, "peclr::kernels::(anonymous namespace)::InvertViews<64>".
using Program = std::map<std::string, Function>;

// Adds all entries of one PTX file to `program`. Throws Unknown.
void read_program(std::string_view text, const std::string& file, Program& program);

// The operation of an opcode with operands in groups of these sizes (a vector in braces is one
// group). Throws Unknown.
Operation find_operation(std::string_view opcode, const std::vector<int>& groups, Access& access);

}  // namespace peclr::ptx
