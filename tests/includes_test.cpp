// SPDX-License-Identifier: Apache-2.0
// Which folder may know which (docs/architecture.md), read from the sources: kernels <- engine <-
// models <- tools, data beside models, and the rooms within them; foreign libraries, device
// conditionals and what launches kernels in their places; notes that cannot end a run.
#include <fmt/format.h>
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/files.h"
#include "tests/support/places.h"

namespace peclr {
namespace {

struct Source {
  std::string path, text;  // path from the root
};
using Faults = std::vector<std::string>;

const std::map<std::string, std::set<std::string>, std::less<>> kMayInclude{
    {"kernels", {"kernels"}},
    {"engine", {"engine", "kernels"}},
    {"models", {"models", "engine", "kernels"}},
    {"data", {"data", "engine", "kernels"}},
    {"tools", {"tools", "models", "data", "engine", "kernels"}},
    {"benchmarks", {"benchmarks", "tests", "tools", "models", "data", "engine", "kernels"}},
    {"tests", {"tests", "docs", "benchmarks", "tools", "models", "data", "engine", "kernels"}}};

// Of its own folder, a room may include only itself and these.
const std::map<std::string_view, std::vector<std::string_view>> kRooms{
    {"engine/files/", {"engine/error.h", "engine/text.h"}},
    {"tools/settings/", {}},
    {"tools/run/", {"tools/settings/", "tools/command_line.h", "tools/version.h"}},
    {"tools/trainer/", {"tools/run/", "tools/settings/", "tools/command_line.h"}},
    {"tools/evaluation/", {"tools/run/", "tools/settings/"}},
    {"tools/probe/", {"tools/evaluation/", "tools/run/", "tools/settings/"}},
    {"tools/report/",
     {"tools/trainer/", "tools/evaluation/", "tools/run/", "tools/settings/", "tools/version.h"}},
    {"tools/golden/", {"tools/settings/"}}};

// Libraries that one source file each speaks to; Catch none outside of tests.
constexpr std::string_view kForeign[] = {"dnnl",   "yaml-cpp/", "jpeglib.h", "turbojpeg.h",
                                         "stb/",   "CLI/",      "zlib.h",    "cudnn",
                                         "cublas", "catch2/"};

std::string_view folder_of(std::string_view path) { return path.substr(0, path.find('/')); }

bool starts_with(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start;
}

// The directive of a line without its # and the blanks around; empty where there is none.
std::string_view directive(std::string_view line) {
  constexpr std::string_view kBlank = " \t\r";
  for (const bool hash : {true, false}) {
    const std::size_t at = line.find_first_not_of(kBlank);
    if (at == line.npos || (hash && line[at] != '#')) return {};
    line.remove_prefix(at + (hash ? 1 : 0));
  }
  return line;
}

bool room_may_include(std::string_view path, std::string_view target) {
  const auto room = std::find_if(kRooms.begin(), kRooms.end(),
                                 [&](const auto& r) { return starts_with(path, r.first); });
  if (room == kRooms.end() || folder_of(path) != folder_of(target)) return true;
  return starts_with(target, room->first) ||
         std::any_of(room->second.begin(), room->second.end(),
                     [&](std::string_view allowed) { return starts_with(target, allowed); });
}

struct Include {
  std::string_view target;
  bool quoted;
};
Include include_of(std::string_view text) {
  if (!starts_with(text, "include")) return {};
  const std::size_t open = text.find_first_of("\"<");
  if (open == text.npos) return {};
  const std::size_t close = text.find_first_of("\">", open + 1);
  if (close == text.npos) return {};
  return {text.substr(open + 1, close - open - 1), text[open] == '"'};
}

// f(number, text) for each line.
template <class F>
void for_each_directive(const Source& source, F f) {
  int number = 0;
  for (std::size_t begin = 0; begin < source.text.size();) {
    const std::size_t end = std::min(source.text.find('\n', begin), source.text.size());
    f(++number, directive(std::string_view(source.text).substr(begin, end - begin)));
    begin = end + 1;
  }
}

// Whether CUDA has no place there: the launchers' headers (docs/kernels.md), and who calls them.
bool is_without_cuda(std::string_view path) {
  const std::string_view folder = folder_of(path);
  if (folder == "tests" || path == "engine/gpu/simt_backend.cpp") return false;
  return folder != "kernels" || path.ends_with("_kernels.h");
}

// Headers with CUDA's names in them, of their own or by way of others.
std::set<std::string, std::less<>> headers_with_cuda(const std::vector<Source>& sources) {
  std::set<std::string, std::less<>> found{"kernels/device.h", "kernels/emulated.h",
                                           "kernels/launch.h"};
  for (std::size_t before = 0; before != found.size();) {
    before = found.size();
    for (const Source& source : sources) {
      if (!source.path.ends_with(".h") || is_without_cuda(source.path)) continue;
      for_each_directive(source, [&](int, std::string_view text) {
        if (found.contains(include_of(text).target)) found.insert(source.path);
      });
    }
  }
  return found;
}

// Of fmt::print to stderr, which throws where that cannot be written (engine/say.h).
void find_throwing_notes(const Source& source, Faults& faults) {
  const std::string_view folder = folder_of(source.path);
  if (folder == "tests" || folder == "benchmarks") return;
  for (std::size_t at = 0; (at = source.text.find("print(stderr", at)) != std::string::npos; ++at)
    faults.push_back(
        fmt::format("{}:{}: a note that can end the run; use say", source.path,
                    1 + std::count(source.text.begin(),
                                   source.text.begin() + static_cast<std::ptrdiff_t>(at), '\n')));
}

// One line for each breach.
Faults faults_of(const std::vector<Source>& sources) {
  Faults faults;
  const auto with_cuda = headers_with_cuda(sources);
  std::map<std::string_view, std::set<std::string>> speakers;  // of each foreign library
  for (const Source& source : sources) {
    const std::string_view folder = folder_of(source.path);
    find_throwing_notes(source, faults);
    for_each_directive(source, [&](int number, std::string_view text) {
      const auto fault = [&](std::string_view what) {
        faults.push_back(fmt::format("{}:{}: {}", source.path, number, what));
      };
      if (folder != "kernels" && !starts_with(text, "error") &&
          (text.find("__CUDACC__") != text.npos || text.find("__CUDA_ARCH__") != text.npos))
        fault("a condition on the device outside of kernels/");
      const Include include = include_of(text);
      if (include.target.empty()) return;
      if (include.quoted &&
          kMayInclude.at(std::string(folder)).count(std::string(folder_of(include.target))) == 0)
        fault(fmt::format("{} may not include \"{}\"", folder, include.target));
      else if (include.quoted && !room_may_include(source.path, include.target))
        fault(fmt::format("its room may not include \"{}\"", include.target));
      if (is_without_cuda(source.path) && with_cuda.contains(include.target))
        fault(fmt::format("CUDA's names by \"{}\"", include.target));
      if (folder == "tests" || folder == "benchmarks") return;  // which measure against them
      for (const std::string_view library : kForeign) {
        if (!starts_with(include.target, library)) continue;
        speakers[library].insert(source.path);
        if (library == "catch2/") fault("Catch outside of tests/");
        if (!source.path.ends_with(".cpp")) fault(fmt::format("{} in a header", include.target));
      }
    });
  }
  for (const auto& [library, paths] : speakers)
    if (paths.size() > 1)
      faults.push_back(fmt::format("{} is included by {} files: {}, {}", library, paths.size(),
                                   *paths.begin(), *std::next(paths.begin())));
  return faults;
}

std::vector<Source> sources_of_the_project() {
  namespace fs = std::filesystem;
  const fs::path root = test::in_project("");
  std::vector<Source> sources;
  for (const auto& [folder, ignored] : kMayInclude)
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      const std::string extension = entry.path().extension().string();
      if (extension == ".h" || extension == ".cpp" || extension == ".cu" || extension == ".cuh")
        sources.push_back({fs::relative(entry.path(), root).generic_string(),
                           test::read_bytes(entry.path().string())});
    }
  return sources;
}

TEST_CASE("includes: every folder knows only what it may", "[includes]") {
  if (!test::has_sources()) return;
  const std::vector<Source> sources = sources_of_the_project();
  std::map<std::string_view, int> files;
  for (const Source& source : sources) ++files[folder_of(source.path)];
  for (const auto& [folder, ignored] : kMayInclude) {
    CAPTURE(folder);
    CHECK(files[folder] > 0);
  }
  for (const std::string& fault : faults_of(sources)) FAIL_CHECK(fault);
}

TEST_CASE("includes: planted faults are found", "[includes]") {
  // Each text, in a file of that path, must give one fault that names the line and holds the words.
  const struct {
    const char *path, *text, *words;
  } planted[] = {
      {"kernels/a.h", "// x\n#include \"engine/tensor.h\"\n", "a.h:2: kernels may not"},
      {"engine/a.cpp", "#include \"models/resnet.h\"\n", "a.cpp:1: engine may not"},
      {"models/a.h", "#include \"data/image.h\"\n", "models may not"},
      {"data/deep/a.cpp", "\n\n  #  include \"models/layers.h\"", "a.cpp:3: data may not"},
      {"engine/files/a.cpp", "#include \"engine/tensor.h\"\n", "its room may not"},
      {"tools/run/a.h", "#include \"tools/trainer/batch_parts.h\"\n", "its room may not"},
      {"tools/evaluation/a.h", "\n#include \"tools/commands.h\"\n", "a.h:2: its room may not"},
      {"tools/a.cpp", "#include \"tests/support/files.h\"\n", "tools may not"},
      {"tools/a.cpp", "#include \"benchmarks/a.h\"\n", "tools may not"},
      {"engine/a.cpp", "#include \"tensor.h\"\n", "engine may not include \"tensor.h\""},
      {"engine/a.cpp", "#include \"../kernels/vec.h\"\r\n", "engine may not"},
      {"engine/a.h", "#include <dnnl.hpp>\n", "dnnl.hpp in a header"},
      {"tools/a.cpp", "#include <catch2/catch.hpp>\n", "Catch outside"},
      {"engine/a.cpp", "#ifdef __CUDACC__\n#endif\n", "condition on the device"},
      {"tools/a.cpp", "#if defined(__CUDA_ARCH__)\n#endif\n", "condition on the device"},
      {"kernels/a_kernels.h", "#include \"kernels/launch.h\"\n", "a_kernels.h:1: CUDA's names"},
      {"engine/gpu/a.cpp", "#include \"kernels/device.h\"\n", "CUDA's names by"},
      {"tools/run/a.cpp", "\n\n  fmt::print(stderr, \"x\");\n", "a.cpp:3: a note that can end"}};
  for (const auto& p : planted) {
    const Faults faults = faults_of({{p.path, p.text}});
    CAPTURE(p.path, p.text, faults);
    REQUIRE(faults.size() == 1);
    CHECK(faults[0].find(p.words) != std::string::npos);
  }
  const Faults twice = faults_of({{"data/a.cpp", "#include <stb/stb_image.h>\n"},
                                  {"tools/b.cpp", "#include <stb/stb_image_write.h>\n"}});
  REQUIRE(twice.size() == 1);
  CHECK(twice[0].find("data/a.cpp, tools/b.cpp") != std::string::npos);

  const Faults by_way = faults_of({{"kernels/a.h", "#include \"kernels/b.h\"\n"},
                                   {"kernels/b.h", "#include \"kernels/launch.h\"\n"},
                                   {"kernels/c_kernels.h", "#include \"kernels/a.h\"\n"},
                                   {"engine/gpu/c.h", "#include \"kernels/c_kernels.h\"\n"}});
  REQUIRE(by_way.size() == 1);
  CHECK(by_way[0].find("kernels/c_kernels.h:1: CUDA's names by") != std::string::npos);

  // What is allowed, or only looks like a fault.
  const Faults none = faults_of(
      {{"kernels/a.cu", "#include \"kernels/a_kernels.h\"\n#include \"kernels/launch.h\"\n"},
       {"tests/kernels/a.cpp", "#include \"kernels/launch.h\"\n"},
       {"kernels/a.h", "#if defined(__CUDACC__)\n#endif\n#include \"kernels/vec.h\"\n"},
       {"engine/a.cpp",
        "#include <dnnl.hpp>\n#include <dnnl_types.h>\n#include \"kernels/vec.h\"\n"},
       {"engine/b.cpp", "// #include \"models/resnet.h\"\n#include <fmt/format.h>\n"},
       {"tools/a.cpp", "#include \"data/image.h\"\n#include \"models/resnet.h\"\n"},
       {"tools/trainer/a.cpp", "#include \"tools/trainer/b.h\"\n#include \"tools/run/c.h\"\n"},
       {"engine/files/a.h", "#include \"engine/text.h\"\n#include \"kernels/random.h\"\n"},
       {"tests/a_test.cpp", "#include <catch2/catch.hpp>\n#include <stb/stb_image.h>\n"},
       {"tools/b.cpp", "fmt::print(\"x\");\nsay(\"x\");\n"},
       {"benchmarks/a_bench.cpp", "#include \"tests/support/compare.h\"\n"}});
  CAPTURE(none);
  CHECK(none.empty());
}

}  // namespace
}  // namespace peclr
