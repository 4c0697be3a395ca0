// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "engine/devices.h"
#include "engine/files/safetensors.h"
#include "engine/text.h"
#include "tools/commands.h"
#include "tools/version.h"

namespace peclr {
namespace {

// A value may have lines; nothing else of it reaches the terminal raw.
void print_metadata(const std::string& key, std::string_view value) {
  fmt::print("  {}:", printable(key));
  for (std::size_t end = value.find('\n');; end = value.find('\n')) {
    fmt::print(" {}\n", printable(value.substr(0, end)));
    if (end == value.npos || end + 1 == value.size()) return;
    value.remove_prefix(end + 1);
    fmt::print("   ");
  }
}

}  // namespace

int run_info(const CommandLine& line) {
  if (line.paths.empty()) {
    fmt::print("{}\n", version_text());
    for (const std::string& device : describe_devices()) fmt::print("{}\n", device);
  }
  for (const std::string& path : line.paths) {
    const TensorFile file(path);
    std::int64_t values = 0;
    for (const StoredTensor& t : file.tensors()) values += t.count();
    fmt::print("{}: {} tensors, {} values, {}\n", printable(path), file.tensors().size(), values,
               file.has_checksum() ? "checksum right" : "no checksum");
    for (const auto& [key, value] : file.metadata()) print_metadata(key, value);
    for (const StoredTensor& t : file.tensors())
      fmt::print("  {} {} {}\n", printable(t.name), name_of(t.type), text_of(t.shape));
  }
  return 0;
}

}  // namespace peclr
