// SPDX-License-Identifier: Apache-2.0
// A file that is either the old one or the new one, whatever happens in between: written beside,
// synced, renamed, and the folder synced. Pulling the plug, kill -9 or a full disk never leave half
// a file under the name that counts.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

#include "engine/error.h"
#include "engine/files/file.h"

namespace peclr {

// Error(failure): another process writes the same file at the moment.
class BeingWritten : public Error {
 public:
  explicit BeingWritten(const std::string& text) : Error(ErrorKind::failure, text) {}
};

class AtomicFile {
 public:
  // Starts `path`.tmp, over what a killed run may have left there. Throws Error(failure) if the
  // folder is missing or not writable, BeingWritten if another process has started the same file.
  explicit AtomicFile(std::string path);
  // Without commit(): removes what was written; the old file stays.
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  // Throws Error(failure) that names the file, the system's reason and what to do.
  void write(const void* data, std::size_t bytes);
  // Only now does `path` change. Durable on return. Throws Error(failure) as write() does; where it
  // is the folder that cannot be synced, `path` has changed already.
  void commit();

 private:
  [[noreturn]] void give_up(int error_number) const;

  std::string path_, temporary_;
  Descriptor fd_;
};

// The whole text at once.
void write_file_atomically(const std::string& path, std::string_view text);

}  // namespace peclr
