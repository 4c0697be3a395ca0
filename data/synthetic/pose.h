// SPDX-License-Identifier: Apache-2.0
// Draws hands: whose (shape), doing what (pose).
#pragma once
#include <array>

#include "data/synthetic/hand.h"

namespace peclr::synthetic {

HandShape sample_shape(Rng& rng);

// Open, fist, pinch, pointing, counting, grasping, relaxed or anything else, within the limits and
// without fingers that stand in one another.
HandPose sample_pose(Rng& rng, const HandShape& shape);

// The deepest that two fingers, or a finger and the palm, stand in one another, as a share of the
// sum of their radii; 0 = nothing touches.
float penetration(const HandShape& shape, const std::array<Vec3f, kJoints>& joints);

}  // namespace peclr::synthetic
