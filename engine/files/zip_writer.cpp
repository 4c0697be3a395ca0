// SPDX-License-Identifier: Apache-2.0
#include "engine/files/zip_writer.h"

#include <bit>
#include <cstring>
#include <limits>

#include "engine/error.h"
#include "engine/files/deflate.h"

namespace peclr {
namespace {

static_assert(std::endian::native == std::endian::little, "the format is little-endian");

constexpr std::uint64_t kAlignment = 64, kMost = std::numeric_limits<std::uint32_t>::max();
constexpr std::uint64_t kLocalBytes = 30, kPadBytes = 4;  // without names and what they hold
constexpr std::uint16_t kVersion = 20;                    // of the format: folders
constexpr std::uint16_t kDay = 0x21;        // 1 January 1980, its first day: files say no time
constexpr std::uint16_t kPadding = 0x4246;  // the extra field that PyTorch pads with

template <class... Numbers>
std::string packed(Numbers... numbers) {
  std::string bytes;
  const auto add = [&](auto number) {
    bytes.append(reinterpret_cast<const char*>(&number), sizeof number);
  };
  (add(numbers), ...);
  return bytes;
}

std::uint32_t narrow(std::uint64_t number) {
  check(number < kMost, "ZipWriter: {} bytes are too many for this form of archive", number);
  return static_cast<std::uint32_t>(number);
}
std::uint16_t narrow16(std::uint64_t number) {
  check(number < 0xFFFF, "ZipWriter: {} are too many entries or bytes of a name", number);
  return static_cast<std::uint16_t>(number);
}

}  // namespace

void ZipWriter::write(std::string_view bytes) {
  file_.write(bytes.data(), bytes.size());
  at_ += bytes.size();
}

void ZipWriter::add(std::string_view name, std::span<const std::byte> bytes) {
  const std::uint64_t start = at_, behind = start + kLocalBytes + name.size() + kPadBytes;
  const std::uint64_t padding = (kAlignment - behind % kAlignment) % kAlignment;
  const std::uint16_t none = 0;
  // Version, flags, method, time, day, checksum, sizes, length of the name.
  const std::string fields =
      packed(kVersion, none, none, none, kDay, crc32_of(bytes), narrow(bytes.size()),
             narrow(bytes.size()), narrow16(name.size()));
  const auto extra = static_cast<std::uint16_t>(kPadBytes + padding);
  write(packed(std::uint32_t{0x04034b50}) + fields + packed(extra));
  write(name);
  write(packed(kPadding, static_cast<std::uint16_t>(padding)) + std::string(padding, 'Z'));
  file_.write(bytes.data(), bytes.size());
  at_ += bytes.size();
  // No extra field, no comment, the first disk, no attributes.
  directory_ += packed(std::uint32_t{0x02014b50}, kVersion) + fields +
                packed(none, none, none, none, std::uint32_t{0}, narrow(start));
  directory_ += name;
  ++entries_;
}

void ZipWriter::finish() {
  const std::uint64_t start = at_;
  const std::uint16_t none = 0, entries = narrow16(entries_);
  write(directory_);
  write(packed(std::uint32_t{0x06054b50}, none, none, entries, entries, narrow(directory_.size()),
               narrow(start), none));
}

}  // namespace peclr
