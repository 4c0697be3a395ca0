// SPDX-License-Identifier: Apache-2.0
// Cuts hands out of frames into a set of FreiHAND's layout, a picture a hand, left ones mirrored:
// decoded quickly, kept in memory, cropped by what every other part of the program knows.
#pragma once
#include <filesystem>
#include <optional>

#include "data/image.h"
#include "data/pictures.h"
#include "data/prepare/frame_hands.h"
#include "data/turns.h"

namespace peclr {

struct CutHand {
  Image image;
  HandLabel label;  // of `image`
};

// What of `frame` views can see of this hand (seen_box), up to 2.7 radii to each side. A frame of
// another size than the label's is one that was scaled. Nothing if the hand's middle is outside of
// the frame, a joint behind the camera, all of them too close together to be a hand's, or the
// camera none.
std::optional<CutHand> cut_hand(const Image& frame, const FrameHand& hand);

struct CutOptions {
  std::filesystem::path root;  // of the frames; one that is not there may be a .jpg for a .png
  std::filesystem::path out;
  Split part = Split::training;
  CountProgress progress = {};  // of frames
};
struct CutResult {
  std::int64_t written = 0, scaled = 0;  // hands; of frames of another size
  std::vector<LeftOut> left_out;
};

// Writes out/PART/rgb/NUMBER_FRAME.jpg and the labels, in the order of `hands`, of which there
// is at least one; what is written does not depend on threads. Throws Error(usage) if the part is
// already there or its folder holds pictures, Error(data) if not one hand can be written,
// Error(failure) if the disk refuses.
CutResult cut_hands(const std::vector<FrameHand>& hands, const CutOptions& options);

}  // namespace peclr
