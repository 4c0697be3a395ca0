// SPDX-License-Identifier: Apache-2.0
// Turns the distance field into triangles.
#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "data/synthetic/field.h"

namespace peclr::synthetic {

struct Surface {
  std::vector<Vec3f> points;
  std::vector<std::array<std::int32_t, 3>> triangles;  // counter-clockwise from outside
};

// Surface nets (Gibson 1998) on a grid that is fine at the hand and coarse along the forearm; the
// points are then moved onto the zero level.
Surface surface_of(const FleshField& field);

}  // namespace peclr::synthetic
