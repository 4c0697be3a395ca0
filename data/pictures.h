// SPDX-License-Identifier: Apache-2.0
// A set of pictures on disk and what is known of them: FreiHAND's layout, or any folder. Nothing is
// decoded here.
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "data/label.h"

namespace peclr {

enum class Split { training, evaluation };
// As FreiHAND's files begin.
const char* name_of(Split split);

// What a PictureSet's labels hold.
enum class Known {
  nothing,  // there are no labels
  pixels,   // where the joints are in the picture, and no more (knows_pixels_only)
  camera,   // K and scale; every xyz is zero
  joints    // K, scale and xyz
};
inline bool has_pixels(Known known) { return known == Known::pixels || known == Known::joints; }
inline bool has_camera(Known known) { return known == Known::camera || known == Known::joints; }

struct PictureSet {
  std::filesystem::path root;
  std::vector<std::string> files;  // relative to root, bytewise order

  Known known = Known::nothing;
  std::vector<HandLabel>
      labels;  // of picture i: labels[i % labels.size()], so that a label may have many versions

  // Folders of pictures only: the sub-folder at the first level where pictures part, e.g. "3" for
  // Dataset/3/a.jpg.
  std::vector<std::string> class_names;  // sorted bytewise; empty if all pictures are in one folder
  std::vector<int>
      classes;  // of each picture: place in class_names; -1: in none of these sub-folders

  std::int64_t size() const { return static_cast<std::int64_t>(files.size()); }
  std::filesystem::path path(std::int64_t i) const { return root / files[std::size_t(i)]; }
  const HandLabel& label(std::int64_t i) const { return labels[std::size_t(i) % labels.size()]; }
};

// FreiHAND's layout if `path` holds the split's K file (training_K.json or evaluation_K.json); only
// that split's pictures are used, SPLIT/rgb. Otherwise every picture in the folder and its
// sub-folders, without labels. Throws Error(data), one line that names the folder or file and the
// entry: nothing there, SPLIT/rgb without the K file, labels that are cut, unequal or impossible
// (data/freihand.h), a numbered picture missing, pictures that are no multiple of the labels.
PictureSet open_pictures(const std::filesystem::path& path, Split split);

// Keeps max(1, round(fraction * labels)) labels, chosen by the seed, with all versions of their
// pictures. A smaller fraction keeps a subset of what a larger one keeps. fraction in (0, 1]; 1
// changes nothing. Throws Error(usage) for another fraction, Error(data) if no joints are known.
void keep_labels(PictureSet& set, double fraction, std::uint64_t seed);

// Parts the labels, with all versions of their pictures, into those to learn from and
// max(1, round(fraction * labels)) of them to score on: the same ones on any machine and whatever a
// run's seed. Keeps one of the parts. fraction in (0, 1). Throws Error(usage) for another fraction,
// Error(data) if no joints are known or the other part would be empty.
enum class Part { learned, held_out };
void keep_part(PictureSet& set, double fraction, Part part);

// 16 hexadecimal digits over the files' names and the labels of sets in their order, so that two
// looks at them can be compared. Where the folders are and what the pictures show is no part of it.
std::string mark_of(std::span<const PictureSet> sets);

// The camera of the picture that box_reduce makes. Pixel centres are whole numbers, so the middle
// of a box of pixels 0 .. factor - 1 at (factor - 1) / 2 becomes 0.
Mat3f reduced_camera(const Mat3f& K, int factor);

}  // namespace peclr
