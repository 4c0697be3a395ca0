// SPDX-License-Identifier: Apache-2.0
#include "data/exif.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace peclr {
namespace {

constexpr int kOrientationTag = 0x0112, kShort = 3;

// Numbers of a TIFF block in its own byte order; 0 outside of the block.
struct Tiff {
  std::span<const std::uint8_t> bytes;
  bool big_endian;

  std::uint32_t u16(std::size_t at) const {
    if (at + 2 > bytes.size()) return 0;
    return big_endian ? bytes[at] << 8 | bytes[at + 1] : bytes[at + 1] << 8 | bytes[at];
  }
  std::uint32_t u32(std::size_t at) const {
    return big_endian ? u16(at) << 16 | u16(at + 2) : u16(at + 2) << 16 | u16(at);
  }
};

}  // namespace

int tiff_orientation(std::span<const std::uint8_t> block) {
  if (block.size() < 8) return 1;
  const bool big_endian = block[0] == 'M' && block[1] == 'M';
  if (!big_endian && !(block[0] == 'I' && block[1] == 'I')) return 1;
  const Tiff tiff{block, big_endian};
  if (tiff.u16(2) != 42) return 1;
  const std::size_t directory = tiff.u32(4);
  const std::uint32_t entries = tiff.u16(directory);
  for (std::uint32_t i = 0; i < entries; ++i) {
    const std::size_t entry = directory + 2 + 12 * std::size_t{i};
    if (entry + 12 > block.size()) return 1;
    if (tiff.u16(entry) != kOrientationTag) continue;
    const auto value = static_cast<int>(tiff.u16(entry + 8));
    return tiff.u16(entry + 2) == kShort && value >= 1 && value <= 8 ? value : 1;
  }
  return 1;
}

int exif_orientation(std::span<const std::uint8_t> app1) {
  constexpr std::array<std::uint8_t, 6> kExif = {'E', 'x', 'i', 'f', 0, 0};
  const bool is_exif =
      app1.size() >= kExif.size() && std::equal(kExif.begin(), kExif.end(), app1.begin());
  return is_exif ? tiff_orientation(app1.subspan(kExif.size())) : 1;
}

Image upright(Image image, int orientation) {
  if (orientation <= 1 || orientation > 8) return image;
  const bool transposed = orientation >= 5;
  const bool flip_x = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool flip_y = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  Image out(transposed ? image.height : image.width, transposed ? image.width : image.height);
  for (int y = 0; y < out.height; ++y) {
    for (int x = 0; x < out.width; ++x) {
      const int along = transposed ? y : x, down = transposed ? x : y;
      const int from_x = flip_x ? image.width - 1 - along : along;
      const int from_y = flip_y ? image.height - 1 - down : down;
      std::memcpy(out.at(x, y), image.at(from_x, from_y), 4);
    }
  }
  return out;
}

}  // namespace peclr
