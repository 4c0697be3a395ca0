// SPDX-License-Identifier: Apache-2.0
// No two files of the program define types of one name in one namespace: the linker would take
// either's members for both, without a word.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/files.h"
#include "tests/support/places.h"

namespace peclr {
namespace {

struct Source {
  std::string path, text;
};

// One line for each name that several of the files define.
std::vector<std::string> doubles_in(const std::vector<Source>& sources) {
  static const std::regex space(R"(namespace ([\w:]+) \{)"),
      type(R"((?:struct|class|enum|enum class|union) (\w+)(?: final)?(?: :.*)? \{.*)");
  std::map<std::string, std::set<std::string>> files;  // by the type's whole name
  for (const Source& source : sources) {
    std::string in, isa;
    bool hidden = false;  // in a namespace of this file's own
    std::istringstream lines(source.text);
    std::smatch match;
    for (std::string line; std::getline(lines, line);) {
      if (line == "namespace {") hidden = true;
      if (line == "}  // namespace") hidden = false;
      if (line == "PECLR_BEGIN") isa = "ISA::";
      if (line == "PECLR_END") isa.clear();
      if (std::regex_match(line, match, space)) in = match[1].str() + "::";
      if (!hidden && std::regex_match(line, match, type))
        files[in + isa + match[1].str()].insert(source.path);
    }
  }
  std::vector<std::string> doubles;
  for (const auto& [name, paths] : files)
    if (paths.size() > 1)
      doubles.push_back(fmt::format("{}: {} and {}", name, *paths.begin(), *paths.rbegin()));
  return doubles;
}

TEST_CASE("one definition: no two types of a name", "[includes]") {
  if (!test::has_sources()) return;
  namespace fs = std::filesystem;
  const fs::path root = test::in_project("");
  std::vector<Source> sources;
  for (const char* folder : {"kernels", "engine", "models", "data", "tools"})
    for (const auto& entry : fs::recursive_directory_iterator(root / folder))
      if (const std::string kind = entry.path().extension().string();
          kind == ".h" || kind == ".cpp" || kind == ".cu")
        sources.push_back({fs::relative(entry.path(), root).generic_string(),
                           test::read_bytes(entry.path().string())});
  REQUIRE(sources.size() > 100);
  for (const std::string& twice : doubles_in(sources)) FAIL_CHECK(twice);
}

TEST_CASE("one definition: planted doubles are found", "[includes]") {
  const std::string open = "namespace peclr {\n", type = "struct Name {\n  int x;\n};\n",
                    close = "}  // namespace peclr\n";
  const auto doubles = [&](const std::string& a, const std::string& b) {
    return doubles_in({{"a.h", a}, {"b.cpp", b}});
  };
  const std::vector<std::string> found =
      doubles(open + type + close, open + "class Name final : public Base {\n" + close);
  REQUIRE(found.size() == 1);
  CHECK(found[0] == "peclr::Name: a.h and b.cpp");
  CHECK(doubles(open + "enum class Name { a };\n" + close, open + type + close).size() == 1);

  CHECK(doubles(open + type + close, "namespace peclr::gpu {\n" + type + close).empty());
  CHECK(doubles(open + type + close, open + "struct Name;\nstruct Other {\n};\n" + close).empty());
  CHECK(
      doubles(open + type + close, open + "PECLR_BEGIN\n" + type + "PECLR_END\n" + close).empty());
  CHECK(doubles(open + type + close, open + "namespace {\n" + type + "}  // namespace\n" + close)
            .empty());
}

}  // namespace
}  // namespace peclr
