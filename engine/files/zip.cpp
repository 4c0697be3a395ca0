// SPDX-License-Identifier: Apache-2.0
#include "engine/files/zip.h"

#include <algorithm>
#include <utility>

#include "engine/error.h"
#include "engine/files/byte_reader.h"
#include "engine/files/deflate.h"
#include "engine/text.h"

namespace peclr {
namespace {

using Bytes = std::span<const std::byte>;

constexpr std::uint32_t kLocal = 0x04034b50, kCentral = 0x02014b50, kEnd = 0x06054b50,
                        kEnd64 = 0x06064b50, kLocator64 = 0x07064b50;
constexpr std::size_t kEndBytes = 22, kLocatorBytes = 20, kMaxComment = 0xFFFF;
constexpr std::uint64_t kMaxEntries = 100'000;
constexpr std::uint64_t kMost = 1032;  // bytes that deflate can make of one

struct Directory {
  std::uint64_t entries, bytes, offset;
};

[[noreturn]] void refuse(const std::string& name, const char* fault) {
  fail(ErrorKind::data, "{}: {}; use another copy of the file", name, fault);
}

// The end record is last, but for a comment.
std::size_t find_end(Bytes file, const std::string& name) {
  if (file.size() >= kEndBytes) {
    const std::size_t last = file.size() - kEndBytes;
    const std::size_t first = last - std::min(last, kMaxComment);
    for (std::size_t at = last + 1; at-- > first;) {
      ByteReader reader(file, at);
      if (reader.number<std::uint32_t>() != kEnd) continue;
      reader.take(16);
      if (reader.number<std::uint16_t>() == reader.left()) return at;
    }
  }
  refuse(name, "a zip archive that is cut off: its directory is missing");
}

Directory find_directory(Bytes file, const std::string& name) {
  const std::size_t end = find_end(file, name);
  ByteReader reader(file, end + 10);
  Directory directory{};
  directory.entries = reader.number<std::uint16_t>();
  directory.bytes = reader.number<std::uint32_t>();
  directory.offset = reader.number<std::uint32_t>();
  if (end < kLocatorBytes) return directory;
  ByteReader locator(file, end - kLocatorBytes);
  if (locator.number<std::uint32_t>() != kLocator64) return directory;
  locator.take(4);
  const auto at = locator.number<std::uint64_t>();
  ByteReader end64(file, std::min<std::uint64_t>(at, file.size()));
  if (end64.number<std::uint32_t>() != kEnd64) refuse(name, "a zip archive with a damaged end");
  end64.take(28);
  directory.entries = end64.number<std::uint64_t>();
  directory.bytes = end64.number<std::uint64_t>();
  directory.offset = end64.number<std::uint64_t>();
  if (end64.ran_out()) refuse(name, "a zip archive with a damaged end");
  return directory;
}

// Fields that do not fit 32 bits are repeated, in this order, in extra field 1.
void widen(ByteReader extra, ZipArchive::Entry& entry) {
  while (extra.left() >= 4) {
    const auto id = extra.number<std::uint16_t>(), size = extra.number<std::uint16_t>();
    ByteReader field(extra.take(size));
    if (id != 1) continue;
    for (std::uint64_t* value : {&entry.bytes, &entry.packed_bytes, &entry.offset})
      if (*value == 0xFFFFFFFF && field.left() >= 8) *value = field.number<std::uint64_t>();
  }
}

}  // namespace

ZipArchive::ZipArchive(Bytes file, std::string name) : file_(file), name_(std::move(name)) {
  const Directory directory = find_directory(file, name_);
  if (directory.entries > kMaxEntries || directory.offset > file.size() ||
      directory.bytes > file.size() - directory.offset)
    refuse(name_, "a zip archive whose directory leads outside of the file");
  ByteReader reader(file.subspan(directory.offset, directory.bytes));
  // Bytes of all entries: those that lie over each other would unfold a small file into anything.
  // One that is longer than the file is refused by read().
  std::uint64_t packed = 0;
  for (std::uint64_t i = 0; i < directory.entries; ++i) {
    Entry entry;
    const auto signature = reader.number<std::uint32_t>();
    reader.take(4);
    const auto flags = reader.number<std::uint16_t>();
    entry.method = reader.number<std::uint16_t>();
    reader.take(4);
    entry.crc = reader.number<std::uint32_t>();
    entry.packed_bytes = reader.number<std::uint32_t>();
    entry.bytes = reader.number<std::uint32_t>();
    const auto name_bytes = reader.number<std::uint16_t>(),
               extra_bytes = reader.number<std::uint16_t>(),
               comment_bytes = reader.number<std::uint16_t>();
    reader.take(8);
    entry.offset = reader.number<std::uint32_t>();
    const std::string_view entry_name = reader.text(name_bytes);
    widen(ByteReader(reader.take(extra_bytes)), entry);
    reader.take(comment_bytes);
    if (reader.ran_out() || signature != kCentral)
      refuse(name_, "a zip archive with a damaged directory");
    if (flags & 1) refuse(name_, "an encrypted zip archive");
    if (entry.packed_bytes <= file.size()) packed += entry.packed_bytes;
    if (packed > file.size()) refuse(name_, "a zip archive whose entries overlap");
    if (!entries_.emplace(entry_name, entry).second)
      fail(ErrorKind::data, "{}: a zip archive that holds {} twice; use another copy of the file",
           name_, shown(entry_name));
  }
}

Bytes ZipArchive::read(std::string_view entry_name, std::unique_ptr<std::byte[]>& room) const {
  const auto damaged = [&](const char* fault) {
    fail(ErrorKind::data, "{}: {} in the archive {}; use another copy of the file", name_,
         shown(entry_name), fault);
  };
  const auto found = entries_.find(entry_name);
  if (found == entries_.end()) damaged("is missing");
  const Entry& entry = found->second;
  ByteReader reader(file_, std::min<std::uint64_t>(entry.offset, file_.size()));
  if (reader.number<std::uint32_t>() != kLocal) damaged("is not where its directory says");
  reader.take(22);
  const auto name_bytes = reader.number<std::uint16_t>(),
             extra_bytes = reader.number<std::uint16_t>();
  reader.take(std::uint64_t{name_bytes} + extra_bytes);
  Bytes bytes = reader.take(entry.packed_bytes);
  if (reader.ran_out()) damaged("is cut off");
  if (entry.method == 8) {
    if (entry.bytes > kMost * (entry.packed_bytes + 1)) damaged("claims more than it can hold");
    room = std::make_unique_for_overwrite<std::byte[]>(entry.bytes);
    const std::span<std::byte> out(room.get(), entry.bytes);
    if (!inflate_into(bytes, out)) damaged("is damaged");
    bytes = out;
  } else if (entry.method != 0) {
    damaged("is packed in a way that is not read here");
  } else if (entry.bytes != entry.packed_bytes) {
    damaged("is damaged: its two sizes differ");
  }
  // PyTorch can be told to leave the checksum out.
  if (entry.crc != 0 && crc32_of(bytes) != entry.crc) damaged("is damaged: its checksum is wrong");
  return bytes;
}

}  // namespace peclr
