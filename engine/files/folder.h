// SPDX-License-Identifier: Apache-2.0
// What commands do to folders and files beside writing them.
#pragma once
#include <string>

namespace peclr {

// Throws Error(failure) that names the folder if it cannot be made or written to.
void make_writable_folder(const std::string& path);
// Throws the same without making it, as far as that can be known before.
void require_writable_folder(const std::string& path);
// Of a file that is not there nothing is said. Throws Error(failure) that names it.
void remove_file(const std::string& path);

}  // namespace peclr
