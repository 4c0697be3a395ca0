// SPDX-License-Identifier: Apache-2.0
// Writing zip archives (PKWARE's APPNOTE) as PyTorch wants them: nothing is packed, and each
// entry's bytes begin at a multiple of 64, so that whoever maps the file can use them in place.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "engine/files/atomic_file.h"

namespace peclr {

class ZipWriter {
 public:
  explicit ZipWriter(AtomicFile& file) : file_(file) {}

  // One more entry; its name is ASCII. Throws Error(failure) as AtomicFile::write, and where the
  // archive would have 4 GiB or more, or 65535 entries.
  void add(std::string_view name, std::span<const std::byte> bytes);
  void add(std::string_view name, std::string_view text) {
    add(name, std::as_bytes(std::span(text)));
  }
  // The directory, behind all entries.
  void finish();

 private:
  void write(std::string_view bytes);

  AtomicFile& file_;
  std::uint64_t at_ = 0;  // bytes written
  std::uint64_t entries_ = 0;
  std::string directory_;
};

}  // namespace peclr
