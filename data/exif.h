// SPDX-License-Identifier: Apache-2.0
// The one EXIF tag that matters here: which way up a camera was held.
#pragma once
#include <cstdint>
#include <span>

#include "data/image.h"

namespace peclr {

// The orientation 1..8 in an EXIF block, a TIFF of tags alone, as a PNG's eXIf chunk is one; 1
// (upright) if there is none or it is damaged, since a bad thumbnail or maker note is no reason to
// lose the picture. Never reads outside the block.
int tiff_orientation(std::span<const std::uint8_t> block);

// The same of the payload of a JPEG's APP1 segment.
int exif_orientation(std::span<const std::uint8_t> app1);

// The picture turned and mirrored so that it stands upright (EXIF 2.3, tag 0x0112).
Image upright(Image image, int orientation);

}  // namespace peclr
