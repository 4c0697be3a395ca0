// SPDX-License-Identifier: Apache-2.0
// The section that shows predicted hands beside true ones, and hands predicted without any truth.
#pragma once
#include <array>
#include <string>
#include <vector>

#include "kernels/joints.h"
#include "kernels/vec.h"
#include "tools/report/groups.h"
#include "tools/report/html.h"

namespace peclr {

// One picture of errors.json.
struct PictureError {
  std::string file;
  double epe_mm = 0, pa_epe_mm = 0;
  std::array<Vec2f, kJoints> px{}, true_px{};  // of the original picture
};
struct PictureErrors {
  std::string set;  // folder of the pictures
  std::vector<PictureError> pictures;
};

// Throws Error(data) that names the file if it is not what `evaluate` writes.
PictureErrors read_errors(const std::string& path);

// Places in `pictures` of the `each` lowest, middle and highest PA-EPE, each in rising order; none
// stands in two of them.
std::array<std::vector<std::size_t>, 3> best_median_worst(const std::vector<PictureError>& pictures,
                                                          std::size_t each);

// Of the first run of each group that has an errors.json.
void write_overlays(Html& html, const std::vector<Group>& scored);

// What `predict` drew.
void write_predictions(Html& html, const std::vector<Run>& runs);

}  // namespace peclr
