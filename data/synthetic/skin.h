// SPDX-License-Identifier: Apache-2.0
// The skin in a pose, seen from the camera.
#pragma once
#include <vector>

#include "data/synthetic/look.h"
#include "data/synthetic/view.h"

namespace peclr::synthetic {

// One entry a vertex of the template; camera space, metres.
struct PosedSkin {
  std::vector<Vec3f> position, normal;
};

PosedSkin pose_skin(const HandTemplate& hand, const HandShape& shape, const Articulation& pose,
                    const Look& look, const View& view);

}  // namespace peclr::synthetic
