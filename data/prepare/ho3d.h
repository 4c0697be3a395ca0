// SPDX-License-Identifier: Apache-2.0
// HO-3D (Hampali et al., CVPR 2020; github.com/shreyashampali/ho3d), versions 2 and 3: a right hand
// that holds an object.
#pragma once
#include <filesystem>
#include <string>

#include "data/prepare/frame_hands.h"

namespace peclr {

// The hands of root/train.txt, or of root/evaluation.txt (`split` test), in its order. Joints of
// training stand in each frame's root/train/SEQUENCE/meta/NUMBER.pkl, those of evaluation in
// root/evaluation_xyz.json, which the authors publish by itself. Left out: frames that were never
// annotated, or whose file is not there. Throws Error(data) that names file and fault.
FrameHands read_ho3d(const std::filesystem::path& root, const std::string& split);

}  // namespace peclr
