// SPDX-License-Identifier: Apache-2.0
// The pictures below a folder, in an order that is the same on every machine and file system.
#pragma once
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace peclr {

inline constexpr const char* kPictureEndings = ".jpg .jpeg .png .bmp .tga .ppm .pgm .pnm .jpe";
// Of pictures that are not read, and therefore not listed.
inline constexpr const char* kUnreadEndings = ".webp .heic .heif .avif .tif .tiff .gif";

// Paths relative to `folder`, sorted bytewise, of everything whose name ends like a picture's (in
// any case) and that is no folder; symbolic links are followed, each real folder is entered once.
// Names that begin with a dot are left out. Throws Error(data) that names the folder: missing, not
// a folder, not readable, without pictures.
std::vector<std::string> list_pictures(const std::filesystem::path& folder);

// The same of other endings, given like those above; there may be no such file.
std::vector<std::string> list_files(const std::filesystem::path& folder, std::string_view endings);

}  // namespace peclr
