// SPDX-License-Identifier: Apache-2.0
#include "engine/files/folder.h"

#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "engine/error.h"
#include "engine/files/file_error.h"
#include "engine/text.h"

namespace peclr {

void make_writable_folder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) fail_writing(path, "cannot make the folder", error.value());
  if (::access(path.c_str(), W_OK | X_OK) != 0)
    fail_writing(path, "cannot write to the folder", errno);
  if (::access(path.c_str(), R_OK) != 0)  // to sync it after each file, which opens it for reading
    fail(ErrorKind::failure,
         "{}: cannot read the folder, which makes files in it safe; give yourself the right to "
         "(chmod u+r), or choose another one",
         printable(path));
}

void remove_file(const std::string& path) {
  std::error_code error;
  std::filesystem::remove(path, error);
  if (error) fail_writing(path, "cannot be removed", error.value());
}

}  // namespace peclr
