// SPDX-License-Identifier: Apache-2.0
// Zip archives in memory (PKWARE's APPNOTE), read by their central directory alone: PyTorch leaves
// sizes and checksums out of the local headers.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace peclr {

class ZipArchive {
 public:
  struct Entry {
    std::uint64_t offset = 0;  // of its local header
    std::uint64_t packed_bytes = 0, bytes = 0;
    std::uint32_t crc = 0;
    std::uint16_t method = 0;  // 0: stored, 8: deflated
  };
  using Entries = std::map<std::string, Entry, std::less<>>;

  // `file` must outlive the archive. Throws Error(data), one line that begins with `name`: cut off,
  // encrypted, a directory that leads outside of the file.
  ZipArchive(std::span<const std::byte> file, std::string name);

  const Entries& entries() const { return entries_; }
  // The entry's bytes: where they stand in the file, or unfolded into `room`. Memory is only taken
  // for a size that the packed bytes can make. Throws Error(data): damaged, or no such entry.
  std::span<const std::byte> read(std::string_view entry, std::unique_ptr<std::byte[]>& room) const;

 private:
  std::span<const std::byte> file_;
  std::string name_;
  Entries entries_;
};

}  // namespace peclr
