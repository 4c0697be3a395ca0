// SPDX-License-Identifier: Apache-2.0
// Files and errors in tests: a folder that goes away, whole-file reading and writing, the error
// that a call throws.
#pragma once
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "engine/error.h"

namespace peclr::test {

class TempFolder {
 public:
  TempFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "peclr_test_XXXXXX").string();
    if (!mkdtemp(name.data())) throw std::runtime_error("cannot make a temporary folder");
    path_ = name;
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  std::string operator/(std::string_view name) const { return (path_ / name).string(); }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline void write_bytes(const std::string& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

inline std::string read_bytes(const std::string& path) {
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  std::string bytes(in ? static_cast<std::size_t>(in.tellg()) : 0, '\0');
  in.seekg(0).read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<std::size_t>(in.gcount()));
  return bytes;
}

// What the call threw; kind 0 and no text if it threw nothing.
struct Caught {
  int kind = 0;
  std::string text;

  bool names(std::string_view part) const { return text.find(part) != std::string::npos; }
  bool one_line() const { return !text.empty() && text.find('\n') == std::string::npos; }
};

template <class F>
Caught caught(F&& call) {
  try {
    call();
    return {};
  } catch (const Error& error) {
    return {static_cast<int>(error.kind()), error.what()};
  }
}

}  // namespace peclr::test
