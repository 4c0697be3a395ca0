// SPDX-License-Identifier: Apache-2.0
// Binary PPM and PGM (P6, P5). Not by stb, whose 2.27 reads 16-bit files out of bounds and short
// ones uninitialised.
#include <algorithm>
#include <cstddef>

#include "data/codecs.h"
#include "engine/error.h"

namespace peclr {
namespace {

constexpr std::int64_t kTooMuch = 1 << 20;  // numbers stop growing here, above every limit

bool is_space(std::uint8_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// The number after any white space and #-comments; 0 if there is none.
std::int64_t next_number(std::span<const std::uint8_t> bytes, std::size_t& at) {
  while (at < bytes.size() && (is_space(bytes[at]) || bytes[at] == '#')) {
    if (bytes[at] == '#') {
      while (at < bytes.size() && bytes[at] != '\n') ++at;
    } else {
      ++at;
    }
  }
  std::int64_t number = 0;
  for (; at < bytes.size() && bytes[at] >= '0' && bytes[at] <= '9'; ++at) {
    number = std::min(10 * number + (bytes[at] - '0'), kTooMuch);
  }
  return number;
}

}  // namespace

Image decode_pnm(std::span<const std::uint8_t> bytes, const std::string& name) {
  std::size_t at = 2;  // after P5 or P6
  const std::int64_t width = next_number(bytes, at), height = next_number(bytes, at),
                     largest = next_number(bytes, at);
  check_picture_size(width, height, name);
  if (largest < 1 || largest > 65535 || at >= bytes.size() || !is_space(bytes[at])) {
    fail(ErrorKind::data, "{}: truncated or damaged picture (header)", name);
  }
  ++at;  // exactly one white space before the pixels
  const std::size_t channels = bytes[1] == '6' ? 3 : 1, wide = largest > 255 ? 2 : 1;
  const auto count = static_cast<std::size_t>(width * height);
  if (bytes.size() - at < count * channels * wide) {
    fail(ErrorKind::data, "{}: truncated picture", name);
  }
  Image image(static_cast<int>(width), static_cast<int>(height));
  auto value = [&](std::size_t number) {
    const std::uint8_t* from = &bytes[at + number * wide];
    const std::int64_t raw = wide == 2 ? from[0] << 8 | from[1] : from[0];
    return static_cast<std::uint8_t>((std::min(raw, largest) * 255 + largest / 2) / largest);
  };
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t c = 0; c < 3; ++c) {
      image.pixels[4 * i + c] = value(channels == 3 ? 3 * i + c : i);
    }
    image.pixels[4 * i + 3] = 255;
  }
  return image;
}

}  // namespace peclr
