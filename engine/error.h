// SPDX-License-Identifier: Apache-2.0
// One exception type; its kind is the exit code of the program.
#pragma once
#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace peclr {

enum class ErrorKind {
  failure = 1,    // something went wrong while running (disk, memory, a bug)
  usage = 2,      // the command line or the configuration
  data = 3,       // pictures, labels or checkpoints that cannot be used
  device = 4,     // the device asked for is not there or not fit
  divergence = 5  // the loss is not a number
};

class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& text) : std::runtime_error(text), kind_(kind) {}
  ErrorKind kind() const { return kind_; }

 private:
  ErrorKind kind_;
};

// Memory is full: Error(failure), of its own type so that a caller can add what would fit.
class OutOfMemory : public Error {
 public:
  explicit OutOfMemory(const std::string& text) : Error(ErrorKind::failure, text) {}
};

// Throws Error(kind) with the formatted text: what is wrong, where, and what to do.
template <class... Args>
[[noreturn]] void fail(ErrorKind kind, fmt::format_string<Args...> text, Args&&... args) {
  throw Error(kind, fmt::format(text, std::forward<Args>(args)...));
}

// For conditions that only a bug can break: throws Error(failure); the text names the operation and
// the shapes.
template <class... Args>
void check(bool ok, fmt::format_string<Args...> text, Args&&... args) {
  if (!ok) fail(ErrorKind::failure, text, std::forward<Args>(args)...);
}

}  // namespace peclr
