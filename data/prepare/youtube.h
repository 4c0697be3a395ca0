// SPDX-License-Identifier: Apache-2.0
// YouTube-3D-Hands (Kulon et al., CVPR 2020; github.com/arielai/youtube_3d_hands): MANO meshes in
// frames of videos, known in pixels alone.
#pragma once
#include <filesystem>
#include <string>

#include "data/prepare/frame_hands.h"

namespace peclr {

// The hands of root/youtube_SPLIT.json: {"images": [{name, width, height, id}], "annotations":
// [{vertices [778][3], is_left, image_id, id}]}, pixels of the frame. `mano_joints` is a file of
// one [16, 778] tensor, MANO's joints from its vertices; PeCLR's repository has it as
// mano_mesh_to_joints_mat.pth. The finger tips are vertices 744, 320, 443, 555 and 672, as PeCLR
// takes them. The file may hold gigabytes; it is never held whole. Throws Error(data) that names
// file and entry.
FrameHands read_youtube(const std::filesystem::path& root, const std::string& split,
                        const std::string& mano_joints);

}  // namespace peclr
