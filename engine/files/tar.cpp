// SPDX-License-Identifier: Apache-2.0
#include "engine/files/tar.h"

#include <algorithm>
#include <optional>

#include "engine/error.h"
#include "engine/files/byte_reader.h"
#include "engine/text.h"

namespace peclr {
namespace {

using Bytes = std::span<const std::byte>;

// A header is a block of text fields; a file's bytes follow, up to a whole block.
constexpr std::size_t kBlock = 512;
struct Field {
  std::size_t at, bytes;
};
constexpr Field kName{0, 100}, kSize{124, 12}, kSum{148, 8}, kKind{156, 1}, kMagic{257, 5};

// Without the zeros behind it.
std::string_view text_of(Bytes header, Field field) {
  const std::string_view text = ByteReader(header.subspan(field.at, field.bytes)).text(field.bytes);
  return text.substr(0, std::min(text.find('\0'), text.size()));
}

// Octal digits, perhaps with blanks around.
std::optional<std::uint64_t> number_of(Bytes header, Field field) {
  std::string_view text = text_of(header, field);
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  if (text.empty()) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '7') return std::nullopt;
    value = value * 8 + static_cast<std::uint64_t>(c - '0');
  }
  return value;
}

// The sum of a header's bytes, those of the sum itself as blanks.
std::uint64_t sum_of(Bytes header) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < header.size(); ++i)
    sum += i - kSum.at < kSum.bytes ? ' ' : std::to_integer<std::uint64_t>(header[i]);
  return sum;
}

bool is_zero(Bytes bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{}; });
}

}  // namespace

bool looks_like_tar(Bytes bytes) {
  return bytes.size() >= kBlock && text_of(bytes, kMagic) == "ustar" && text_of(bytes, kName) != "";
}

TarFiles tar_files(Bytes file, const std::string& name) {
  TarFiles files;
  ByteReader reader(file);
  const auto take = [&](std::uint64_t bytes) {
    const Bytes taken = reader.take(bytes);
    if (reader.ran_out())
      fail(ErrorKind::data, "{}: a tar archive that is cut off; use another copy of the file",
           name);
    return taken;
  };
  // Two blocks of zeros are the end.
  for (int zeros = 0; zeros < 2;) {
    const std::size_t at = reader.at();
    const Bytes header = take(kBlock);
    zeros = is_zero(header) ? zeros + 1 : 0;
    if (zeros > 0) continue;
    const std::optional<std::uint64_t> size = number_of(header, kSize);
    if (!size || number_of(header, kSum) != sum_of(header))
      fail(ErrorKind::data,
           "{}: a tar archive with a damaged header at byte {}; use another copy of the file", name,
           at);
    const Bytes bytes = take(*size);
    take((kBlock - *size % kBlock) % kBlock);
    const std::string_view kind = text_of(header, kKind), entry = text_of(header, kName);
    if (!kind.empty() && kind != "0") continue;
    if (!files.emplace(entry, bytes).second)
      fail(ErrorKind::data, "{}: a tar archive that holds {} twice; use another copy of the file",
           name, shown(entry));
  }
  return files;
}

}  // namespace peclr
