// SPDX-License-Identifier: Apache-2.0
// Hand skeletons on pictures, one colour a finger (the reference's palette).
#pragma once
#include <span>

#include "data/image.h"
#include "kernels/joints.h"
#include "kernels/vec.h"

namespace peclr {

// Draws 21 joints (FreiHAND's order) and their bones, anti-aliased, over the image; what lies
// outside is cut off. The joints are pixel indices of the picture that the image shows `zoom` times
// as large.
void draw_skeleton(Image& image, std::span<const Vec2f> joints, float zoom = 1);

}  // namespace peclr
