// SPDX-License-Identifier: Apache-2.0
// The orders in which data sets list a hand's 21 joints, and what a set's labels look like whatever
// its author thinks they are: of which order, of which hand, in which unit.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "data/label.h"

namespace peclr {

// Where each of FreiHAND's joints is in another order.
using JointOrder = std::array<std::size_t, kJoints>;

// MANO's (Romero et al., SIGGRAPH Asia 2017) 16 joints (wrist; index, middle, little, ring, thumb
// from base to tip), then the five tips from the thumb to the little finger.
inline constexpr JointOrder kFromMano = {0, 13, 14, 15, 16, 1,  2, 3, 17, 4, 5,
                                         6, 18, 10, 11, 12, 19, 7, 8, 9,  20};
// InterHand2.6M's run from tip to base, thumb to little finger, the wrist last.
inline constexpr JointOrder kFromInterhand = {20, 3, 2,  1,  0,  7,  6,  5,  4,  11, 10,
                                              9,  8, 15, 14, 13, 12, 19, 18, 17, 16};

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
