// SPDX-License-Identifier: Apache-2.0
// Writes one part of a data set in FreiHAND's layout: DIR/training/rgb/*.jpg and
// DIR/training_{K,xyz,scale}.json, or the same with "evaluation". One version an image.
#pragma once
#include <filesystem>
#include <vector>

#include "data/image.h"
#include "data/label.h"
#include "data/pictures.h"

namespace peclr {

// Makes dir/PART/rgb and returns it. Throws Error(usage) if the part's labels are already there or
// that folder holds anything, Error(failure) that names the path if a folder cannot be made or
// listed.
std::filesystem::path make_freihand_part(const std::filesystem::path& dir, Split part);

void write_freihand_picture(const std::filesystem::path& path, const Image& image);

// Numbers are printed so that they read back to the same float. The part is complete once this has
// returned, and not before.
void write_freihand_labels(const std::filesystem::path& dir, Split part,
                           const std::vector<HandLabel>& labels);

}  // namespace peclr
