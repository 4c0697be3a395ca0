// SPDX-License-Identifier: Apache-2.0
// FreiHAND's file of predictions, pred.json: [xyz [N, 21, 3], vertices [N, 778, 3]], metres in
// camera space, FreiHAND's joint order, a hand a picture of the evaluation split in its order.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "tools/inference.h"

namespace peclr {

// The vertices are zeros, as the reference sends them: what the server says of meshes means
// nothing. Predictions are metric. Throws Error(data) that names the picture where one could not be
// read.
std::string submission_json(const std::vector<HandPrediction>& predictions);

// The joints [N, 21, 3] of such a file, or of one that holds them alone ([[[x, y, z], ...], ...]).
// Throws Error(data) that names file and entry.
std::vector<float> read_submission(const std::filesystem::path& path);

}  // namespace peclr
