// SPDX-License-Identifier: Apache-2.0
// What --version and info say of this build.
#pragma once
#include <string>

namespace peclr {

inline constexpr const char* kVersion = "0.1.0";
std::string version_text();  // version, compiler, loops and libraries, one line

}  // namespace peclr
