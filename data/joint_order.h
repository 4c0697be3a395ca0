// SPDX-License-Identifier: Apache-2.0
// The orders in which data sets list a hand's 21 joints.
#pragma once
#include <array>
#include <cstddef>

#include "kernels/joints.h"

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

}  // namespace peclr
