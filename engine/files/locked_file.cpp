// SPDX-License-Identifier: Apache-2.0
#include "engine/files/locked_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>

namespace peclr {
namespace {

bool same_file(int fd, const std::string& path) {
  struct stat opened {
  }, named{};
  return ::fstat(fd, &opened) == 0 && ::stat(path.c_str(), &named) == 0 &&
         opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
}

}  // namespace

int open_locked(const std::string& path, Descriptor& fd) {
  do {
    constexpr int kFlags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
    fd = Descriptor(::open(path.c_str(), kFlags, 0666));
    if (fd.get() < 0) return errno;
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) return EWOULDBLOCK;
    // The other process may have renamed or removed it between our open and our lock: then what we
    // hold is no longer the file of this name.
  } while (!same_file(fd.get(), path));
  return 0;
}

}  // namespace peclr
