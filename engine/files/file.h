// SPDX-License-Identifier: Apache-2.0
// Reading files by plain system calls, so that every fault has a name: only regular files (a pipe
// or a device could keep us waiting for ever), no mapping (a file that shrinks under a map kills
// the process), no guess at the size.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

#include "engine/error.h"
#include "engine/files/file_error.h"

namespace peclr {

// Owns a file descriptor.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() { close(); }
  int get() const { return fd_; }
  void close();

 private:
  int fd_;
};

class InputFile {
 public:
  // Throws as fail_reading does if it cannot be opened, and Error(kind) if it is not a regular
  // file. `kind` is kept for the reads.
  InputFile(std::string path, ErrorKind kind);

  std::uint64_t size() const { return size_; }  // bytes, as it was when opened
  // The next `bytes` bytes; throws Error(kind) if the file has become shorter or the disk fails.
  void read(void* to, std::size_t bytes);
  // The next read() begins at the first byte again. Throws Error(kind).
  void rewind();

 private:
  std::string path_;
  ErrorKind kind_;
  Descriptor fd_;
  std::uint64_t size_ = 0;
};

// The whole file; throws Error(kind) if it holds more than `max_bytes`.
std::string read_text_file(const std::string& path, ErrorKind kind, std::uint64_t max_bytes);

}  // namespace peclr
