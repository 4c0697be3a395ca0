// SPDX-License-Identifier: Apache-2.0
// What the accesses of warps to memory touch: passes over the 32 banks of shared memory, or of the
// first cache for global memory, and of global memory sectors of 32 bytes; each beside the least
// that as many bytes need. For programs whose launches come from one thread.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/simt/ptx/thread.h"

namespace peclr::ptx {

class Traffic {
 public:
  // Of the threads of a block, in any order.
  void note(const Thread& thread, const Instruction& i, Access::Space space, std::uint64_t at,
            std::size_t bytes);
  void end_block(const Function& function);

  // Of each kernel and space a line, and one for each instruction that touches a twentieth more
  // than the least.
  std::string report() const;

 private:
  struct Touch {
    const Instruction* instruction;
    unsigned warp, visit, lane;  // how often its thread has been there
    std::uint64_t at;
    std::size_t bytes;
    Access::Space space;
  };
  struct Ratio {
    std::int64_t touched = 0, least = 0;
    void operator+=(const Ratio& more) { touched += more.touched, least += more.least; }
  };
  struct Count {
    std::string where;  // the line, and what stands there
    std::int64_t accesses = 0;
    Ratio passes, sectors;
  };
  static Ratio passes(const Touch* first, const Touch* last);
  static Ratio sectors(const Touch* first, const Touch* last);
  static std::string text(const Count& count);

  std::vector<Touch> touches_;
  std::map<std::pair<const Instruction*, unsigned>, unsigned> visits_;
  using Place = std::pair<Access::Space, const Instruction*>;
  std::map<std::string, std::map<Place, Count>> counts_;  // by kernel
};

// Of the process, where PECLR_PTX_TRAFFIC is set; its report is printed at the end. Null: none.
Traffic* traffic();

}  // namespace peclr::ptx
