// SPDX-License-Identifier: Apache-2.0
#include "engine/atomic_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "engine/error.h"
#include "engine/text.h"

namespace peclr {
namespace {

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

const char* advice(int error_number) {
  switch (error_number) {
    case ENOSPC:
    case EDQUOT:
      return "free some space or choose another folder";
    case EFBIG:
      return "raise the limit on file sizes (ulimit -f)";
    case EACCES:
    case EPERM:
      return "make the folder writable or choose another one";
    case EROFS:
      return "choose a folder that can be written to";
    case ENOENT:
      return "create the folder first";
    case EISDIR:
    case ENOTDIR:
    case ELOOP:
    case ENXIO:
      return "something else has this name: move it away or choose another one";
    case EIO:
      return "the disk may be failing: choose another one";
    default:
      return "choose another folder";
  }
}

bool same_file(int fd, const std::string& path) {
  struct stat opened {
  }, named{};
  return ::fstat(fd, &opened) == 0 && ::stat(path.c_str(), &named) == 0 &&
         opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
}

// 0 or errno.
int sync_folder(const std::string& folder) {
  const Descriptor fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0) return errno;
  if (::fsync(fd.get()) != 0 && errno != EINVAL && errno != ENOTSUP) return errno;
  return 0;
}

}  // namespace

AtomicFile::AtomicFile(std::string path) : path_(std::move(path)), temporary_(path_ + ".tmp") {
  do {
    constexpr int kFlags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
    fd_ = Descriptor(::open(temporary_.c_str(), kFlags, 0666));
    if (fd_.get() < 0) give_up(errno);
    if (::flock(fd_.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
      fail(ErrorKind::failure,
           "{}: another process is writing it; stop that one or choose another folder",
           printable(path_));
    // The other process may have renamed it between our open and our lock: then what we hold is its
    // finished file.
  } while (!same_file(fd_.get(), temporary_));
  if (::ftruncate(fd_.get(), 0) != 0) give_up(errno);
}

AtomicFile::~AtomicFile() {
  if (fd_.get() >= 0) ::unlink(temporary_.c_str());
}

void AtomicFile::write(const void* data, std::size_t bytes) {
  const auto* from = static_cast<const std::byte*>(data);
  while (bytes > 0) {
    const ssize_t n = ::write(fd_.get(), from, std::min(bytes, std::size_t{1} << 30));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) give_up(n < 0 ? errno : EIO);
    from += n;
    bytes -= static_cast<std::size_t>(n);
  }
}

void AtomicFile::commit() {
  if (::fsync(fd_.get()) != 0) give_up(errno);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) give_up(errno);
  fd_.close();
  if (const int error = sync_folder(folder_of(path_)))
    fail(ErrorKind::failure, "{}: written, but its folder could not be synced: {}; {}",
         printable(path_), system_message(error), advice(error));
}

void AtomicFile::give_up(int error_number) const {
  fail(ErrorKind::failure, "{}: cannot write: {}; {}", printable(path_),
       system_message(error_number), advice(error_number));
}

void write_file_atomically(const std::string& path, std::string_view text) {
  AtomicFile file(path);
  file.write(text.data(), text.size());
  file.commit();
}

}  // namespace peclr
