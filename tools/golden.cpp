// SPDX-License-Identifier: Apache-2.0
#include "tools/golden/golden.h"

#include <algorithm>
#include <filesystem>

#include "engine/devices.h"
#include "engine/error.h"
#include "engine/say.h"
#include "engine/text.h"
#include "tools/commands.h"
#include "tools/run/json_lines.h"

namespace peclr {
namespace {

std::vector<std::string> files_of(const std::vector<std::string>& paths) {
  std::vector<std::string> files;
  for (const std::string& path : paths) {
    if (!std::filesystem::exists(path))
      fail(ErrorKind::data, "{}: no such file or folder; check the path", path);
    if (!std::filesystem::is_directory(path)) {
      files.push_back(path);
      continue;
    }
    const std::size_t before = files.size();
    for (const auto& entry : std::filesystem::directory_iterator(path))
      if (entry.path().extension() == ".safetensors") files.push_back(entry.path().string());
    if (files.size() == before)
      fail(ErrorKind::data, "{}: no *.safetensors in the folder; check the path", path);
    std::sort(files.begin() + static_cast<std::ptrdiff_t>(before), files.end());
  }
  return files;
}

void print(const CommandLine& line, const std::string& file, const std::string& op,
           const golden::Result& r) {
  if (line.json) {
    JsonLine json;
    json.add("file", file)
        .add("op", op)
        .add("tensor", r.tensor)
        .add("rel_l2", r.rel_l2)
        .add("max_abs", r.max_abs)
        .add("psnr", r.psnr)
        .add("pass", r.pass);
    fmt::print("{}\n", json.text());
  } else {
    fmt::print("{:<36} {:<24} rel L2 {:9.2e}  max {:9.2e}  psnr {:5.1f}  {}\n",
               std::filesystem::path(file).filename().string(), r.tensor, r.rel_l2, r.max_abs,
               r.psnr, r.pass ? "pass" : "FAIL");
  }
  std::fflush(stdout);
}

}  // namespace

int run_golden(const CommandLine& line) {
  const std::unique_ptr<Backend> backend = make_backend(device_named(line.device, "--device"));
  if (!line.json) fmt::print("{}\n", backend->description());
  int passed = 0, failed = 0;
  for (const std::string& path : files_of(line.paths)) {
    std::string op, fault;
    golden::Results results;
    try {
      const TensorFile file(path);
      const auto it = file.metadata().find("op");
      if (it != file.metadata().end()) op = it->second;
      results = golden::run(file, *backend);
    } catch (const Error& e) {
      fault = e.kind() == ErrorKind::data ? e.what() : fmt::format("{}: {}", path, e.what());
    } catch (const std::exception& e) {  // a number in the metadata that is none
      fault = fmt::format("{}: damaged ({}); use another copy", path, e.what());
    }
    if (!fault.empty()) {
      say("{}\n", printable(fault));
      results = {{.tensor = "",
                  .rel_l2 = golden::kBad,
                  .max_abs = golden::kBad,
                  .psnr = 0,
                  .pass = false}};
    }
    for (const golden::Result& r : results) {
      print(line, path, op, r);
      ++(r.pass ? passed : failed);
    }
  }
  if (!line.json) fmt::print("{} passed, {} failed\n", passed, failed);
  return failed == 0 && passed > 0 ? 0 : 1;
}

}  // namespace peclr
