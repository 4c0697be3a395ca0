// SPDX-License-Identifier: Apache-2.0
// Hand skeletons on pictures, one colour a finger (the reference's palette).
#pragma once
#include <span>

#include "data/image.h"
#include "kernels/joints.h"
#include "kernels/vec.h"

namespace peclr {

enum class SkeletonStyle { solid, faint };  // faint: the truth behind a prediction

// Draws 21 joints (FreiHAND's order, pixel indices of the image) and their bones, anti-aliased,
// over the image; what lies outside is cut off.
void draw_skeleton(Image& image, std::span<const Vec2f> joints, SkeletonStyle style);

// An enlarged or reduced copy, bilinear, so that small pictures can carry lines.
Image resized(const Image& image, int width, int height);

}  // namespace peclr
