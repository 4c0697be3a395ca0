// SPDX-License-Identifier: Apache-2.0
// Pictures in memory and on disk. JPEG is read by libjpeg-turbo with its exact default settings
// (pixel-equal to OpenCV's reader), PNG, BMP and TGA by stb, PPM here; the content decides which,
// never the name.
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace peclr {

// Pixels are [height, width, 4]: red, green, blue and a fourth byte (255), so that a pixel is one
// aligned load.
struct Image {
  int width = 0, height = 0;
  std::vector<std::uint8_t> pixels;

  Image() = default;
  Image(int image_width, int image_height)  // all bytes 0
      : width(image_width), height(image_height), pixels(4 * std::size_t(width) * height) {}

  std::uint8_t* at(int x, int y) { return &pixels[4 * (static_cast<std::size_t>(y) * width + x)]; }
  const std::uint8_t* at(int x, int y) const {
    return &pixels[4 * (static_cast<std::size_t>(y) * width + x)];
  }
};

// Limits that are checked in the header, before any pixel is decoded or memory is taken for it.
inline constexpr int kMinSide = 2;  // for a view to be drawn of it
inline constexpr int kMaxSide = 16384;
inline constexpr std::int64_t kMaxPixels = 64 << 20;

// Upright (EXIF orientation applied). Grey becomes three equal channels; alpha is ignored, as
// OpenCV's reader does. Throws Error(data) that names the file and the fault: missing, empty, not a
// picture, of a format that is not read, truncated or damaged (a JPEG that libjpeg would only warn
// about is refused too), larger than the limits.
Image read_image(const std::filesystem::path& path);

// The same for bytes in memory; `name` stands for the file in messages.
Image decode_image(std::span<const std::uint8_t> bytes, const std::string& name);

// The largest whole factor that leaves the shorter side at least `target` pixels; at least 1.
// target <= 0: 1.
int reduction_for(int width, int height, int target);

// Mean over factor x factor boxes, rounded; the right and bottom rests that fill no box are
// dropped.
Image box_reduce(const Image& image, int factor);

// An enlarged or reduced copy, bilinear.
Image resized(const Image& image, int width, int height);

// How many times as large a picture is to be shown: its shorter side `side` pixels, or less where
// the longer one would then pass kLongestShown.
float zoom_to(const Image& image, int side);
inline constexpr int kLongestShown = 4096;

// A copy `zoom` times as large, in whole pixels, one at least.
Image zoomed(const Image& image, float zoom);

// RGB without alpha. Throw Error(failure) that names the file. Quality 1..100, chroma halved both
// ways (4:2:0).
void write_png(const std::filesystem::path& path, const Image& image);
void write_jpeg(const std::filesystem::path& path, const Image& image, int quality);

}  // namespace peclr
