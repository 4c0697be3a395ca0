// SPDX-License-Identifier: Apache-2.0
// One reader a family of formats: jpeg.cpp alone knows libjpeg-turbo, stb.cpp alone knows stb.
// Everyone else calls decode_image (data/image.h), which looks at the content and calls the right
// one.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/image.h"

namespace peclr {

// Upright. Throws Error(data) starting with `name`; the bytes start with FF D8 FF.
Image decode_jpeg(std::span<const std::uint8_t> bytes, const std::string& name);

// PNG (that check_png let pass), BMP, TGA. Throws Error(data) starting with `name`. Never give it
// anything else: Debian's stb 2.27 is older than the mending of its other readers, which are
// therefore not compiled.
Image decode_stb(std::span<const std::uint8_t> bytes, const std::string& name);

// Throws Error(data) starting with `name` unless the picture is not too large, the chunks are
// whole, from IHDR to the last, and those that pixels depend on are known and have the right
// checksums. The bytes start with PNG's signature. Returns the orientation (data/exif.h).
int check_png(std::span<const std::uint8_t> bytes, const std::string& name);

// Binary PPM and PGM, of 8 and 16 bits. Throws Error(data) starting with `name`; the bytes start
// with P5 or P6.
Image decode_pnm(std::span<const std::uint8_t> bytes, const std::string& name);

// Whole files in memory. Throw Error(failure).
std::vector<std::uint8_t> encode_jpeg(const Image& image, int quality);
std::vector<std::uint8_t> encode_png(const Image& image);

// Throws Error(data) starting with `name` unless 1 <= width, height <= kMaxSide and width * height
// <= kMaxPixels.
void check_picture_size(std::int64_t width, std::int64_t height, const std::string& name);

}  // namespace peclr
