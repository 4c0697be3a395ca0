// SPDX-License-Identifier: Apache-2.0
#include "tests/support/places.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>

namespace peclr::test {
namespace {

namespace fs = std::filesystem;

const fs::path& own_folder() {
  static const fs::path folder = fs::read_symlink("/proc/self/exe").parent_path();
  return folder;
}

const fs::path& root() {
  static const fs::path found = [] {
    for (fs::path folder = own_folder(); folder != folder.root_path();
         folder = folder.parent_path())
      if (fs::exists(folder / "tests/golden")) return folder;
    return fs::path(PECLR_SOURCE_DIR);
  }();
  return found;
}

}  // namespace

std::string in_project(std::string_view path) { return (root() / path).string(); }

std::string sibling_program(std::string_view name) { return (own_folder() / name).string(); }

std::string in_shared(std::string_view path) {
  const char* given = std::getenv("PECLR_SHARED");
  const fs::path found = (given ? fs::path(given) : root() / "../shared") / path;
  if (fs::exists(found)) return found.string();
  WARN("skipped: no " << found.string() << "; set PECLR_SHARED");
  return {};
}

bool has_sources() {
  const bool has = fs::exists(root() / "CMakeLists.txt");
  if (!has) WARN("skipped: no sources in " << root().string());
  return has;
}

}  // namespace peclr::test
