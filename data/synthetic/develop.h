// SPDX-License-Identifier: Apache-2.0
// What lens, sensor and file make of the light of a scene.
#pragma once
#include <vector>

#include "data/image.h"
#include "data/synthetic/math.h"

namespace peclr::synthetic {

// [side * side] pixels of linear light, 1 = white, to a picture of bytes: a camera of `rng`'s
// choice softens, darkens the corners, misses the white balance, rolls off the highlights and adds
// noise.
Image develop(std::vector<Vec3f> pixels, int side, Rng& rng);

}  // namespace peclr::synthetic
