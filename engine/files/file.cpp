// SPDX-License-Identifier: Apache-2.0
#include "engine/files/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "engine/text.h"

namespace peclr {
void Descriptor::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

InputFile::InputFile(std::string path, ErrorKind kind) : path_(std::move(path)), kind_(kind) {
  // O_NONBLOCK: opening a pipe without a writer would wait.
  fd_ = Descriptor(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (fd_.get() < 0) fail_reading(path_, "cannot open", errno, kind_);
  struct stat status {};
  if (::fstat(fd_.get(), &status) != 0) fail_reading(path_, "cannot read", errno, kind_);
  if (!S_ISREG(status.st_mode))
    fail(kind_, "{}: this is {}; give a file", printable(path_),
         S_ISDIR(status.st_mode) ? "a folder" : "a pipe or a device");
  size_ = static_cast<std::uint64_t>(status.st_size);
}

void InputFile::read(void* to, std::size_t bytes) {
  auto* out = static_cast<std::byte*>(to);
  while (bytes > 0) {
    const ssize_t n = ::read(fd_.get(), out, std::min(bytes, std::size_t{1} << 30));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_reading(path_, "cannot read", errno, kind_);
    if (n == 0) fail(kind_, "{}: became shorter while it was read; try again", printable(path_));
    out += n;
    bytes -= static_cast<std::size_t>(n);
  }
}

void InputFile::rewind() {
  if (::lseek(fd_.get(), 0, SEEK_SET) != 0) fail_reading(path_, "cannot read", errno, kind_);
}

std::string read_text_file(const std::string& path, ErrorKind kind, std::uint64_t max_bytes) {
  InputFile file(path, kind);
  if (file.size() > max_bytes)
    fail(kind, "{}: has {} bytes, but at most {} are read here; check that it is the right file",
         printable(path), file.size(), max_bytes);
  std::string text(file.size(), '\0');
  file.read(text.data(), text.size());
  return text;
}

}  // namespace peclr
