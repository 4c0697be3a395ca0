// SPDX-License-Identifier: Apache-2.0
// FreiHAND's label files: SPLIT_K.json, SPLIT_xyz.json, SPLIT_scale.json, one entry a hand.
#pragma once
#include <filesystem>
#include <vector>

#include "data/label.h"
#include "data/pictures.h"

namespace peclr {

struct FreihandLabels {
  std::vector<HandLabel> labels;
  bool has_joints = false;  // false: there is no SPLIT_xyz.json, and every xyz is zero
};

// Reads the labels of `split` in folder `root`. Without the scale file the scale is the distance of
// joints 9 and 10. Throws Error(data) that names file and entry: unequal lengths, a camera that is
// no pinhole camera with positive focal lengths, a joint at or behind the camera, a scale that is
// not positive, neither joints nor scales.
FreihandLabels read_freihand_labels(const std::filesystem::path& root, Split split);

// The meshes [N, 778, 3] of SPLIT_verts.json, metres in camera space, one for each of `labels`
// labels; empty where there is no such file. Throws Error(data) that names file and entry.
std::vector<float> read_freihand_meshes(const std::filesystem::path& root, Split split,
                                        std::size_t labels);

}  // namespace peclr
