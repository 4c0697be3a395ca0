// SPDX-License-Identifier: Apache-2.0
// What --version and info say of this build.
#pragma once
#include <string>

namespace peclr {

extern const char* const kVersion;  // CMake's
std::string version_text();         // version, compiler and loops, one line

}  // namespace peclr
