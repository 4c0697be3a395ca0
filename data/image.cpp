// SPDX-License-Identifier: Apache-2.0
#include "data/image.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <string_view>

#include "data/codecs.h"
#include "data/exif.h"
#include "engine/error.h"
#include "engine/files/file.h"
#include "engine/text.h"

namespace peclr {
namespace {

constexpr std::size_t kMaxFileBytes = std::size_t{512} << 20;

// Not synced to the disk: pictures can be made again, and a thousand of them would take minutes.
void write_file(const std::filesystem::path& path, std::span<const std::uint8_t> bytes) {
  int error = 0;
  if (std::FILE* file = std::fopen(path.c_str(), "wb")) {
    if (std::fwrite(bytes.data(), 1, bytes.size(), file) != bytes.size()) error = errno;
    if (std::fclose(file) != 0 && error == 0) error = errno;
    if (error == 0) return;
    std::error_code ignored;  // no half picture stays behind
    if (std::filesystem::is_regular_file(path, ignored)) std::filesystem::remove(path, ignored);
  } else {
    error = errno;
  }
  fail_writing(path.string(), "cannot write", error);
}

bool has(std::span<const std::uint8_t> bytes, std::size_t at, std::string_view magic) {
  return bytes.size() >= at + magic.size() &&
         std::equal(magic.begin(), magic.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at),
                    [](char a, std::uint8_t b) { return static_cast<std::uint8_t>(a) == b; });
}

// TGA has no magic bytes: only a header that is right in every field counts. Text never is (byte 1
// would be a letter).
bool is_tga(std::span<const std::uint8_t> bytes) {
  if (bytes.size() < 18) return false;
  const int mapped = bytes[1], type = bytes[2], bits = bytes[16];
  const bool indexed = type == 1 || type == 9;
  const bool known = indexed || type == 2 || type == 3 || type == 10 || type == 11;
  const bool depth = bits == 8 || bits == 15 || bits == 16 || bits == 24 || bits == 32;
  const bool sized = (bytes[12] | bytes[13]) != 0 && (bytes[14] | bytes[15]) != 0;
  return known && depth && sized && mapped == (indexed ? 1 : 0);
}

bool is_pnm(std::span<const std::uint8_t> bytes) {
  if (!has(bytes, 0, "P5") && !has(bytes, 0, "P6")) return false;
  return bytes.size() > 2 &&
         std::string_view(" \t\r\n").find(static_cast<char>(bytes[2])) != std::string_view::npos;
}

// Formats that people have, with the word for them; they are recognised to say so.
const char* unread_format(std::span<const std::uint8_t> bytes) {
  if (has(bytes, 0, "GIF8")) return "GIF";
  if (has(bytes, 0, "RIFF") && has(bytes, 8, "WEBP")) return "WebP";
  if (has(bytes, 0, {"II*\0", 4}) || has(bytes, 0, {"MM\0*", 4})) return "TIFF";
  if (has(bytes, 4, "ftyp")) return "HEIC, AVIF or video";
  if (has(bytes, 0, "8BPS")) return "Photoshop";
  return nullptr;
}

}  // namespace

void check_picture_size(std::int64_t width, std::int64_t height, const std::string& name) {
  if (width < 1 || height < 1) {
    fail(ErrorKind::data, "{}: a picture of {} x {} pixels", name, width, height);
  }
  if (width > kMaxSide || height > kMaxSide || width * height > kMaxPixels) {
    fail(ErrorKind::data, "{}: {} x {} pixels is too large (at most {} a side and {} million)",
         name, width, height, kMaxSide, kMaxPixels >> 20);
  }
}

Image decode_image(std::span<const std::uint8_t> bytes, const std::string& name) {
  if (bytes.empty()) fail(ErrorKind::data, "{}: the file is empty", name);
  if (has(bytes, 0, "\xFF\xD8\xFF")) return decode_jpeg(bytes, name);
  if (has(bytes, 0, "\x89PNG\r\n\x1A\n")) {
    const int orientation = check_png(bytes, name);
    return upright(decode_stb(bytes, name), orientation);
  }
  if (has(bytes, 0, "BM") || is_tga(bytes)) return decode_stb(bytes, name);
  if (is_pnm(bytes)) return decode_pnm(bytes, name);
  if (const char* format = unread_format(bytes)) {
    fail(ErrorKind::data, "{}: {} is not read; convert it to JPEG or PNG", name, format);
  }
  fail(ErrorKind::data, "{}: not a picture (its content is no JPEG, PNG, BMP, TGA or PPM)", name);
}

Image read_image(const std::filesystem::path& path) {
  const std::string name = printable(path.string());
  InputFile file(path.string(), ErrorKind::data);
  if (file.size() > kMaxFileBytes) {
    fail(ErrorKind::data, "{}: {} bytes are too many for a picture", name, file.size());
  }
  std::vector<std::uint8_t> bytes(file.size());
  file.read(bytes.data(), bytes.size());
  return decode_image(bytes, name);
}

int reduction_for(int width, int height, int target) {
  return target <= 0 ? 1 : std::max(1, std::min(width, height) / target);
}

Image box_reduce(const Image& image, int factor) {
  constexpr int kMaxFactor = 4096;  // the sum of a box, 255 * 4096 * 4096, still fits 32 bits
  check(factor >= 1 && factor <= std::min({image.width, image.height, kMaxFactor}),
        "box_reduce: factor {} of a picture of {} x {} pixels", factor, image.width, image.height);
  if (factor == 1) return image;
  Image out(image.width / factor, image.height / factor);
  const auto area = static_cast<std::uint64_t>(factor) * factor;
  std::vector<std::uint32_t> sums(4 * std::size_t(out.width));  // of one row of boxes
  for (int y = 0; y < out.height; ++y) {
    std::fill(sums.begin(), sums.end(), 0u);
    for (int row = 0; row < factor; ++row) {
      const std::uint8_t* from = image.at(0, y * factor + row);
      for (int x = 0; x < out.width; ++x) {
        std::uint32_t box[4] = {};
        for (int i = 0; i < factor; ++i, from += 4) {
          for (int c = 0; c < 4; ++c) box[c] += from[c];
        }
        for (int c = 0; c < 4; ++c) sums[4 * std::size_t(x) + c] += box[c];
      }
    }
    std::uint8_t* to = out.at(0, y);
    for (std::size_t i = 0; i < sums.size(); ++i) {
      to[i] = static_cast<std::uint8_t>((sums[i] + area / 2) / area);
    }
  }
  return out;
}

Image resized(const Image& image, int width, int height) {
  Image out(width, height);
  const auto place = [](int i, int to, int from) {
    return std::clamp(
        (static_cast<float>(i) + 0.5f) * static_cast<float>(from) / static_cast<float>(to) - 0.5f,
        0.f, static_cast<float>(from - 1));
  };
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const float sx = place(x, width, image.width), sy = place(y, height, image.height);
      const int x0 = static_cast<int>(sx), y0 = static_cast<int>(sy);
      const int x1 = std::min(x0 + 1, image.width - 1), y1 = std::min(y0 + 1, image.height - 1);
      const float fx = sx - static_cast<float>(x0), fy = sy - static_cast<float>(y0);
      for (int c = 0; c < 4; ++c) {
        const float top = static_cast<float>(image.at(x0, y0)[c]) * (1 - fx) +
                          static_cast<float>(image.at(x1, y0)[c]) * fx;
        const float bottom = static_cast<float>(image.at(x0, y1)[c]) * (1 - fx) +
                             static_cast<float>(image.at(x1, y1)[c]) * fx;
        out.at(x, y)[c] = static_cast<std::uint8_t>(std::lround(top * (1 - fy) + bottom * fy));
      }
    }
  return out;
}

float zoom_to(const Image& image, int side) {
  const auto [shorter, longer] = std::minmax(image.width, image.height);
  return std::min(static_cast<float>(side) / static_cast<float>(shorter),
                  static_cast<float>(kLongestShown) / static_cast<float>(longer));
}

Image zoomed(const Image& image, float zoom) {
  const auto size = [&](int side) {
    return std::max(1, static_cast<int>(std::lround(zoom * static_cast<float>(side))));
  };
  return resized(image, size(image.width), size(image.height));
}

void write_png(const std::filesystem::path& path, const Image& image) {
  write_file(path, encode_png(image));
}

void write_jpeg(const std::filesystem::path& path, const Image& image, int quality) {
  write_file(path, encode_jpeg(image, quality));
}

}  // namespace peclr
