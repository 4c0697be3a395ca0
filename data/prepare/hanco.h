// SPDX-License-Identifier: Apache-2.0
// HanCo (Zimmermann et al., GCPR 2021; github.com/lmb-freiburg/contra-hand): FreiHAND's sequences
// as eight calibrated cameras saw them, before a green screen and with other backgrounds.
#pragma once
#include <filesystem>
#include <string>

#include "data/prepare/frame_hands.h"

namespace peclr {

// The hands of root/meta.json whose fit somebody validated, in every camera; others, and those
// without files of joints or cameras, are left out. Of those before a green screen (`split` train)
// each is taken once, from the folders of pictures that are there in turns: rgb, rgb_merged,
// rgb_homo, rgb_color_auto, rgb_color_sample; of those elsewhere (test) there is rgb alone. Joints
// are those of root/xyz, brought from the world into each camera by root/calib. Throws Error(data)
// that names file and fault.
FrameHands read_hanco(const std::filesystem::path& root, const std::string& split);

}  // namespace peclr
