// SPDX-License-Identifier: Apache-2.0
#include "engine/files/folder.h"

#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "engine/error.h"
#include "engine/files/file_error.h"
#include "engine/text.h"

namespace peclr {

namespace {

// Of a folder that is there.
void require_rights(const std::string& path) {
  if (::access(path.c_str(), W_OK | X_OK) != 0)
    fail_writing(path, "cannot write to the folder", errno);
  if (::access(path.c_str(), R_OK) != 0)  // to sync it after each file, which opens it for reading
    fail(ErrorKind::failure,
         "{}: cannot read the folder, which makes files in it safe; give yourself the right to "
         "(chmod u+r), or choose another one",
         printable(path));
}

// The kernel's own folders say that they can be written to, to root.
bool takes_no_folders(const std::filesystem::path& path) {
  struct statfs system = {};
  return ::statfs(path.c_str(), &system) == 0 &&
         (system.f_type == PROC_SUPER_MAGIC || system.f_type == SYSFS_MAGIC);
}

}  // namespace

void make_writable_folder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) fail_writing(path, "cannot make the folder", error.value());
  require_rights(path);
}

void require_writable_folder(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return require_rights(path);
  // The nearest folder above, in which the others would be made.
  std::filesystem::path above = std::filesystem::absolute(path, error);
  while (!std::filesystem::exists(std::filesystem::symlink_status(above, error)) &&
         above.has_relative_path())
    above = above.parent_path();
  if (!std::filesystem::is_directory(above, error))
    fail_writing(path, "cannot make the folder", ENOTDIR);
  if (::access(above.c_str(), W_OK | X_OK) != 0)
    fail_writing(path, "cannot make the folder", errno);
  if (takes_no_folders(above)) fail_writing(path, "cannot make the folder", ENOENT);
}

void remove_file(const std::string& path) {
  std::error_code error;
  std::filesystem::remove(path, error);
  if (error) fail_writing(path, "cannot be removed", error.value());
}

}  // namespace peclr
