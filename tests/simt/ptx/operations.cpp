// SPDX-License-Identifier: Apache-2.0
#include "tests/simt/ptx/operations.h"

#include <fmt/format.h>

#include <numeric>

namespace peclr::ptx {

Operation find_operation(std::string_view opcode, const std::vector<int>& groups, Access& access) {
  static const Table table = [] {
    Table t;
    add_arithmetic(t);
    add_rounding(t);
    add_conversions(t);
    add_memory(t);
    add_meetings(t);
    return t;
  }();
  Operation operation;
  if (!find_access(opcode, groups, access, operation)) {
    const auto found = table.find(opcode);
    if (found == table.end()) throw Unknown(fmt::format("an unknown operation, {}", opcode));
    operation = found->second;
  }
  const int operands = std::accumulate(groups.begin(), groups.end(), 0);
  if (operands != operation.operands)
    throw Unknown(fmt::format("an unknown form of {}, with {} operands instead of {}", opcode,
                              operands, operation.operands));
  return operation;
}

}  // namespace peclr::ptx
