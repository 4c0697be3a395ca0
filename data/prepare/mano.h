// SPDX-License-Identifier: Apache-2.0
// The order of MANO's joints (Romero et al., SIGGRAPH Asia 2017), which several data sets have.
#pragma once
#include <array>
#include <cstddef>

#include "kernels/joints.h"

namespace peclr {

// MANO's 16 joints (wrist; index, middle, little, ring, thumb from base to tip), then the five tips
// from the thumb to the little finger: where each of FreiHAND's joints is among them.
inline constexpr std::array<std::size_t, kJoints> kFromMano = {
    0, 13, 14, 15, 16, 1, 2, 3, 17, 4, 5, 6, 18, 10, 11, 12, 19, 7, 8, 9, 20};

}  // namespace peclr
