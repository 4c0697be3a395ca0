// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "engine/devices.h"
#include "engine/safetensors.h"
#include "tools/commands.h"
#include "tools/version.h"

namespace peclr {

int run_info(const CommandLine& line) {
  if (line.paths.empty()) {
    fmt::print("{}\n", version_text());
    for (const std::string& device : describe_devices()) fmt::print("{}\n", device);
  }
  for (const std::string& path : line.paths) {
    const TensorFile file(path);
    std::int64_t values = 0;
    for (const StoredTensor& t : file.tensors()) values += t.count();
    fmt::print("{}: {} tensors, {} values, {}\n", path, file.tensors().size(), values,
               file.has_checksum() ? "checksum right" : "no checksum");
    for (const auto& [key, value] : file.metadata()) fmt::print("  {}: {}\n", key, value);
    for (const StoredTensor& t : file.tensors())
      fmt::print("  {} {} {}\n", t.name, name_of(t.type), text_of(t.shape));
  }
  return 0;
}

}  // namespace peclr
