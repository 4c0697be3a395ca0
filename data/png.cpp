// SPDX-License-Identifier: Apache-2.0
// The frame of a PNG file (ISO 15948, 5.3): chunks of length, type, data and checksum. stb looks at
// no checksum, and would hand on the pixels of damaged bytes; and it puts the type of a chunk that
// it does not know, whatever its bytes are, into a message that all threads share.
#include <algorithm>
#include <string_view>

#include "data/codecs.h"
#include "data/exif.h"
#include "engine/error.h"
#include "engine/files/deflate.h"
#include "engine/text.h"

namespace peclr {
namespace {

constexpr std::size_t kSignature = 8, kAround = 12;  // bytes of a chunk around its data
constexpr std::string_view kCritical[] = {"IHDR", "PLTE", "IDAT", "IEND"};  // and that are read

std::uint32_t big_endian(std::span<const std::uint8_t> bytes, std::size_t at) {
  return std::uint32_t{bytes[at]} << 24 | std::uint32_t{bytes[at + 1]} << 16 |
         std::uint32_t{bytes[at + 2]} << 8 | bytes[at + 3];
}

// `checked`: type and data of the first chunk.
void check_header(std::span<const std::uint8_t> checked, std::string_view type,
                  const std::string& name) {
  constexpr std::size_t kHeader = 13;  // bytes of data
  if (type != "IHDR")
    fail(ErrorKind::data,
         "{}: a PNG that begins with {}, not with its size; save it as JPEG or PNG", name,
         shown(type));
  if (checked.size() != 4 + kHeader)
    fail(ErrorKind::data, "{}: damaged PNG (its header has {} bytes)", name, checked.size() - 4);
  check_picture_size(big_endian(checked, 4), big_endian(checked, 8), name);
}

}  // namespace

int check_png(std::span<const std::uint8_t> bytes, const std::string& name) {
  int orientation = 1;
  for (std::size_t at = kSignature;;) {
    if (bytes.size() - at < kAround || big_endian(bytes, at) > bytes.size() - at - kAround)
      fail(ErrorKind::data, "{}: truncated PNG", name);
    const std::size_t size = big_endian(bytes, at);
    const auto checked = bytes.subspan(at + 4, 4 + size);  // type and data
    const std::string_view type(reinterpret_cast<const char*>(checked.data()), 4);
    if (at == kSignature) check_header(checked, type, name);
    const bool critical = (type[0] & 0x20) == 0;  // pixels depend on it
    if (critical &&
        std::find(std::begin(kCritical), std::end(kCritical), type) == std::end(kCritical))
      fail(ErrorKind::data, "{}: truncated or damaged picture (a PNG's chunk {})", name,
           shown(type));
    const auto intact = [&] {
      return crc32_of(std::as_bytes(checked)) == big_endian(bytes, at + 8 + size);
    };
    if (critical && !intact())
      fail(ErrorKind::data, "{}: damaged PNG (a checksum at byte {} is wrong)", name, at);
    if (type == "eXIf" && intact()) orientation = tiff_orientation(checked.subspan(4));
    if (type == "IEND") return orientation;
    at += kAround + size;
  }
}

}  // namespace peclr
