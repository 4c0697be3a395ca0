// SPDX-License-Identifier: Apache-2.0
// Tar archives in memory, as POSIX has them (pax): plain files by name.
#pragma once
#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>

namespace peclr {

// Whether a file that begins with these bytes (512 are enough) is one.
bool looks_like_tar(std::span<const std::byte> bytes);

// The files' bytes, where they stand in `file`; what is no plain file is passed over. Throws
// Error(data), one line that begins with `name`: cut off, a damaged header, a file twice.
using TarFiles = std::map<std::string_view, std::span<const std::byte>>;
TarFiles tar_files(std::span<const std::byte> file, const std::string& name);

}  // namespace peclr
