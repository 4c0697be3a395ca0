// SPDX-License-Identifier: Apache-2.0
// What a set's labels look like whatever its author thinks they are: of which order of the joints,
// of which hand, in which unit.
#pragma once
#include <cstdint>
#include <span>

#include "data/label.h"

namespace peclr {

// Null pointers: as they should be, or not clear.
struct LabelLook {
  const char* order = nullptr;  // "MANO's"
  const char* unit = nullptr;   // "millimetres"
  // Hands whose bent fingers show which they are, and those of them that are left ones.
  std::int64_t sided = 0, left = 0;
  bool left_hands() const;  // more than a quarter: sets of right hands have none
};

// Of labels that hold joints; of fewer than five nothing is said.
LabelLook look_of(std::span<const HandLabel> labels);

}  // namespace peclr
