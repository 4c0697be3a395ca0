// SPDX-License-Identifier: Apache-2.0
// Draws hands: whose (shape), doing what (pose), seen how (camera).
#pragma once
#include <array>

#include "data/label.h"
#include "data/synthetic/hand.h"

namespace peclr::synthetic {

HandShape sample_shape(Rng& rng);

// Open, fist, pinch, pointing, counting, grasping, relaxed or anything else, within the limits and
// without fingers that stand in one another.
HandPose sample_pose(Rng& rng, const HandShape& shape);

// The deepest that two fingers, or a finger and the palm, stand in one another, as a share of the
// sum of their radii; 0 = nothing touches.
float penetration(const HandShape& shape, const std::array<Vec3f, kJoints>& joints);

// The palm's frame (metres) seen from the camera: p_camera = rotate(rotation, p) + translation.
struct View {
  Mat3f K;  // of a picture of side x side pixels
  Quat rotation;
  Vec3f translation;
};

// A view with all `joints` (palm's frame, metres) inside the picture, the hand filling 40 to 75 %
// of its side. The forearm's far end, `elbow`, stays behind the camera's near field.
View sample_view(Rng& rng, const std::array<Vec3f, kJoints>& joints, Vec3f elbow, int side);

Vec3f to_camera(const View& view, Vec3f p);

}  // namespace peclr::synthetic
