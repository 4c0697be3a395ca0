// SPDX-License-Identifier: Apache-2.0
// Draws how a hand is seen: the camera, and where the hand is before it.
#pragma once
#include <array>

#include "data/label.h"
#include "data/synthetic/math.h"

namespace peclr::synthetic {

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
