// SPDX-License-Identifier: Apache-2.0
// A picture of a set, read as large as it is needed.
#pragma once
#include <cstdint>

#include "data/image.h"
#include "data/pictures.h"

namespace peclr {

// A picture as it is used: box-reduced once by `factor` if it was far larger than needed. A camera
// for the original picture is taken along by reduced_camera(K, factor).
struct Picture {
  Image image;
  int factor = 1;
};

// What of a picture a network will see: its centre square, or a crop around its joints
// (Around::mean or Around::box) where they are known.
enum class Seen { centre, hand, box };

// Reads picture `index` of the set and reduces it so that the shorter side of what is seen keeps at
// least `target` pixels (0: not at all). Throws what read_image throws, and Error(data) for a
// picture of less than 2 x 2 pixels.
Picture read_picture(const PictureSet& set, std::int64_t index, int target, Seen seen);

}  // namespace peclr
