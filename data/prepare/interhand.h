// SPDX-License-Identifier: Apache-2.0
// InterHand2.6M v1.0 (Moon et al., ECCV 2020; github.com/facebookresearch/InterHand2.6M): joints in
// a world that many calibrated cameras see.
#pragma once
#include <filesystem>
#include <string>

#include "data/prepare/frame_hands.h"

namespace peclr {

// The single hands of root/annotations/SPLIT/InterHand2.6M_SPLIT_{data,camera,joint_3d}.json, whose
// frames lie in root/images/SPLIT. Left out: hands that interact, which share a crop, those
// whose side is not sure, and those with a joint that is not valid. Labels in metres and camera
// space. Throws Error(data) that names file and entry.
FrameHands read_interhand(const std::filesystem::path& root, const std::string& split);

}  // namespace peclr
