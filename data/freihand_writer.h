// SPDX-License-Identifier: Apache-2.0
// Writes one part of a data set in FreiHAND's layout: DIR/training/rgb/%08d.jpg and
// DIR/training_{K,xyz,scale}.json, or the same with "evaluation". One version an image.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "data/image.h"
#include "data/label.h"
#include "data/pictures.h"

namespace peclr {

class FreihandWriter {
 public:
  // Makes the folders. Throws Error(usage) if the part's labels are already there, Error(failure)
  // that names the path if a folder cannot be made.
  FreihandWriter(const std::filesystem::path& dir, Split part, int count);

  // Image and label of one id in [0, count), each id once. Different ids may be written by
  // different threads.
  void write(int id, const Image& image, const HandLabel& label);

  // Writes the labels. Numbers are printed so that they read back to the same float.
  void finish();

 private:
  std::filesystem::path dir_;
  std::string part_;
  std::vector<HandLabel> labels_;
};

}  // namespace peclr
