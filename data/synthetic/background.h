// SPDX-License-Identifier: Apache-2.0
// Cluttered rooms and gardens for the synthetic hands: textured planes, things standing before
// them, some with the colour of skin, the whole a little out of focus.
#pragma once
#include <vector>

#include "data/synthetic/math.h"

namespace peclr::synthetic {

// [side * side] pixels, linear colour. `skin` is the albedo of the hand's skin, for the
// distractors.
std::vector<Vec3f> paint_background(Rng& rng, int side, Vec3f skin);

}  // namespace peclr::synthetic
