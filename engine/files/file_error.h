// SPDX-License-Identifier: Apache-2.0
// What the system says when a file cannot be used, and what one can do about it.
#pragma once
#include <string>

#include "engine/error.h"

namespace peclr {

// Throws Error(kind): "PATH: WHAT: the system's reason; what to do". Where the machine and not the
// file is at fault (descriptors or memory run out), Error(failure) whatever `kind`: such a file
// must never pass for a bad one.
[[noreturn]] void fail_reading(const std::string& path, const char* what, int error_number,
                               ErrorKind kind);

// Throws Error(failure) of the same form.
[[noreturn]] void fail_writing(const std::string& path, const char* what, int error_number);

}  // namespace peclr
