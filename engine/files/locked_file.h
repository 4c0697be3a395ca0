// SPDX-License-Identifier: Apache-2.0
// A file that one process at a time may have.
#pragma once
#include <string>

#include "engine/files/file.h"

namespace peclr {

// Opens `path` for writing, making it if needed, and locks it until `fd` closes. Returns 0, or an
// errno value: EWOULDBLOCK if another process has it. What is in the file stays. Where the file
// system knows no locks, everyone gets one.
int open_locked(const std::string& path, Descriptor& fd);

}  // namespace peclr
