// SPDX-License-Identifier: Apache-2.0
#include "tools/run/folder_lock.h"

#include <unistd.h>

#include <cerrno>

#include "engine/error.h"
#include "engine/files/locked_file.h"
#include "engine/text.h"

namespace peclr {

FolderLock::FolderLock(const std::string& folder) : path_(folder + "/run.lock") {
  const int error = open_locked(path_, fd_);
  if (error == EWOULDBLOCK) {
    char text[32] = {};
    const bool told = ::read(fd_.get(), text, sizeof text - 1) > 0;
    fail(
        ErrorKind::failure,
        "{}: another peclr (process {}) is at work in this folder; wait for it, stop it, or choose "
        "another out",
        printable(folder), told ? printable(text) : "unknown");
  }
  if (error != 0) fail_writing(path_, "cannot write", error);
  // Only for the message above: a full disk is noticed by what matters.
  const std::string process = std::to_string(::getpid());
  if (::ftruncate(fd_.get(), 0) != 0 || ::write(fd_.get(), process.data(), process.size()) < 0)
    errno = 0;
}

FolderLock::~FolderLock() { ::unlink(path_.c_str()); }

}  // namespace peclr
