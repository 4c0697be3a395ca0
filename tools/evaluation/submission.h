// SPDX-License-Identifier: Apache-2.0
// FreiHAND's file of predictions, pred.json: [xyz [N, 21, 3], vertices [N, 778, 3]], metres in
// camera space, FreiHAND's joint order, a hand a picture of the evaluation split in its order.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "tools/evaluation/inference.h"

namespace peclr {

// The vertices are zeros, as the reference sends them: what the server says of meshes means
// nothing. Predictions are metric, and each one's picture could be read (Gaps::refused).
std::string submission_json(const std::vector<HandPrediction>& predictions);

struct Submission {
  std::vector<float> joints;  // [N, 21, 3]
  std::vector<float> meshes;  // [M, vertices, 3]; empty where the file holds none
  std::size_t vertices = 0;   // of each mesh

  std::size_t mesh_count() const { return vertices ? meshes.size() / (3 * vertices) : 0; }
};

// Such a file, or one that holds the joints alone ([[[x, y, z], ...], ...]); meshes may have any
// number of vertices, all the same. Throws Error(data) that names file and entry.
Submission read_submission(const std::filesystem::path& path);

}  // namespace peclr
