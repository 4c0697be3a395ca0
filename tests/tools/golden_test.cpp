// SPDX-License-Identifier: Apache-2.0
// `peclr golden`: passes what is right, and fails for every number that is not.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <span>
#include <sstream>

#include "engine/files/safetensors.h"
#include "tests/support/device.h"
#include "tests/support/files.h"
#include "tests/support/places.h"
#include "tests/support/program.h"

namespace peclr {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using test::described;
using test::ProgramResult;
using test::read_bytes;
using test::run_peclr;
using test::TempFolder;
using test::write_bytes;

const std::string kDevice = test::device_name();
const std::string kGoldens = test::in_project("tests/golden");

std::vector<json> json_lines(const std::string& text) {
  std::vector<json> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(json::parse(line));
  return lines;
}

// What --json promises of every line.
void check_form(const json& line) {
  INFO(line);
  std::vector<std::string> keys;
  for (const auto& item : line.items()) keys.push_back(item.key());
  CHECK(keys ==
        std::vector<std::string>{"file", "max_abs", "op", "pass", "psnr", "rel_l2", "tensor"});
  for (const char* key : {"file", "op", "tensor"}) CHECK(line[key].is_string());
  for (const char* key : {"rel_l2", "max_abs", "psnr"}) {
    REQUIRE(line[key].is_number());
    CHECK(std::isfinite(line[key].get<double>()));
    CHECK(line[key].get<double>() >= 0);
  }
  CHECK(line["psnr"].get<double>() <= 99);
  CHECK(line["pass"].is_boolean());
}

std::vector<std::string> files_in(const std::string& folder) {
  std::vector<std::string> files;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".safetensors") files.push_back(entry.path().string());
  std::sort(files.begin(), files.end());
  return files;
}

// A golden file taken apart just far enough to plant faults in it.
struct Golden {
  std::string bytes;
  json header;
  std::size_t values;  // where they begin

  explicit Golden(const std::string& path) : bytes(read_bytes(path)) {
    std::uint64_t length = 0;
    std::memcpy(&length, bytes.data(), sizeof length);
    header = json::parse(bytes.substr(8, length));
    values = 8 + length;
  }
  std::vector<std::string> expectations() const {
    std::vector<std::string> names;
    for (const auto& item : header.items())
      if (item.key().starts_with("expected.")) names.push_back(item.key());
    return names;
  }
  // The file with one expectation changed: `change` is applied to its first `most` numbers.
  template <class Change>
  std::string with(const std::string& name, std::size_t most, Change change) const {
    std::string out = bytes;
    const std::size_t begin = values + header[name]["data_offsets"][0].get<std::size_t>(),
                      end = values + header[name]["data_offsets"][1].get<std::size_t>();
    if (header[name]["dtype"] == "U8") {
      for (std::size_t i = begin; i < end; ++i) out[i] = static_cast<char>(~out[i]);
      return out;
    }
    for (std::size_t i = begin; i < std::min(end, begin + 8 * most); i += 8) {
      double number = 0;
      std::memcpy(&number, &out[i], sizeof number);
      number = change(number);
      std::memcpy(&out[i], &number, sizeof number);
    }
    return out;
  }
};

TEST_CASE("golden: the project's own goldens pass") {
  const ProgramResult text = run_peclr({"golden", "--device", kDevice, kGoldens});
  INFO(described(text));
  CHECK(text.exit_code == 0);
  CHECK(text.out.find("FAIL") == std::string::npos);
  CHECK(text.out.find(" passed, 0 failed") != std::string::npos);

  const ProgramResult result = run_peclr({"golden", "--device", kDevice, "--json", kGoldens});
  INFO(described(result));
  CHECK(result.exit_code == 0);
  std::map<std::string, int> ops;
  for (const json& line : json_lines(result.out)) {
    check_form(line);
    CHECK(line["pass"] == true);
    ++ops[line["op"]];
  }
  for (const char* op : {"ntxent", "procrustes", "pose25d", "metrics", "optimiser", "augment"})
    CHECK(ops[op] > 0);
}

TEST_CASE("golden: every expectation that is off fails, alone") {
  const TempFolder folder;
  std::map<std::string, std::string> planted;  // file -> tensor
  for (const std::string& path : files_in(kGoldens)) {
    const Golden golden(path);
    for (const std::string& name : golden.expectations()) {
      const std::string tensor = name.substr(std::strlen("expected."));
      const std::string file =
          folder / fs::path(path).stem().string() + "." + tensor + ".safetensors";
      write_bytes(file, golden.with(name, 1 << 20, [](double x) { return 1.01 * x + 1e-3; }));
      planted[file] = tensor;
    }
  }
  REQUIRE(planted.size() > 30);
  const ProgramResult result = run_peclr({"golden", "--json", folder.path().string()});
  CHECK(result.exit_code == 1);
  std::size_t failed = 0;
  for (const json& line : json_lines(result.out)) {
    check_form(line);
    CHECK(line["pass"] == (line["tensor"] != planted.at(line["file"])));
    failed += line["pass"] == false;
  }
  CHECK(failed == planted.size());
}

TEST_CASE("golden: what is not finite, not known or not whole fails") {
  const TempFolder folder;
  const std::string good = kGoldens + "/ntxent_peclr.safetensors",
                    file = folder / "bad.safetensors";
  const Golden golden(good);
  // Beside a good file: one bad one is enough to fail, and does not keep the others from running.
  const auto fails = [&](const std::string& bytes, const char* op, const char* tensor) {
    write_bytes(file, bytes);
    const ProgramResult result = run_peclr({"golden", "--json", file, good});
    INFO(described(result));
    CHECK(result.exit_code == 1);
    bool failed = false, passed = false;
    for (const json& line : json_lines(result.out)) {
      check_form(line);
      if (line["file"] == good) passed |= line["pass"] == true;
      if (line["file"] != file || line["pass"] == true) continue;
      failed = true;
      CHECK(line["op"] == op);
      CHECK(line["tensor"] == tensor);
    }
    CHECK(failed);
    CHECK(passed);
    if (*tensor == '\0') CHECK(result.says(file + ": "));
  };
  for (const double bad :
       {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    fails(golden.with("expected.z", 1, [&](double) { return bad; }), "ntxent", "z");
    fails(golden.with("expected.loss", 1, [&](double) { return bad; }), "ntxent", "loss");
  }
  std::string unknown = golden.bytes;
  unknown.replace(unknown.find("\"ntxent\""), 8, "\"nothin\"");
  fails(unknown, "nothin", "");
  fails(golden.bytes.substr(0, golden.bytes.size() - 100), "", "");
  fails(golden.bytes.substr(0, 40), "", "");
  fails("", "", "");
  std::string without = golden.bytes;
  without.replace(without.find("expected.grad"), 13, "expected.gram");
  fails(without, "ntxent", "");
  std::string number = golden.bytes;
  const std::size_t temperature = number.find("\"temperature\"");
  REQUIRE(temperature != std::string::npos);
  number[number.find_first_of("0123456789", temperature)] = 'x';
  fails(number, "ntxent", "");
}

// One tensor of each of the project's goldens is replaced; whole files of the right format, so that
// only the op can notice.
TEST_CASE("golden: inputs of another shape or type are told, and nothing is computed from them") {
  const TempFolder folder;
  const std::vector<std::byte> zeros(std::size_t{1} << 20);
  const auto refused = [&](const char* golden, StoredTensor planted, const std::string& wanted,
                           Metadata changed = {}) {
    const TensorFile good(kGoldens + "/" + golden + ".safetensors");
    std::size_t bytes = size_of(planted.type);
    for (const std::int64_t size : planted.shape) bytes *= static_cast<std::size_t>(size);
    REQUIRE(bytes <= zeros.size());
    planted.bytes = std::span(zeros).first(bytes);
    std::vector<StoredTensor> tensors;
    for (const StoredTensor& t : good.tensors())
      tensors.push_back(t.name == planted.name ? planted : t);
    if (!good.find(planted.name)) tensors.push_back(planted);
    changed.insert(good.metadata().begin(), good.metadata().end());
    const std::string file = folder / "bad.safetensors";
    write_safetensors(file, tensors, changed);
    const ProgramResult result = run_peclr({"golden", "--device", kDevice, "--json", file});
    INFO(described(result));
    CHECK_FALSE(result.signalled);
    CHECK(result.exit_code == 1);
    CHECK(result.says(file + ": "));
    CHECK(result.says(wanted));
    const std::vector<json> lines = json_lines(result.out);
    REQUIRE(lines.size() == 1);
    CHECK(lines[0]["tensor"] == "");
    CHECK(lines[0]["pass"] == false);
  };
  const auto planted = [](const char* name, StoredType type, std::vector<std::int64_t> shape) {
    return StoredTensor{name, type, std::move(shape), {}};
  };
  using enum StoredType;
  refused("ntxent_peclr", planted("projection", f32, {8}),
          "tensor 'projection' is F32 [8]; F32 [any, any] is needed");
  refused("ntxent_peclr", planted("projection", f32, {8, 0}), "tensor 'projection' is F32 [8, 0]");
  refused("ntxent_peclr", planted("projection", f32, {8, 4096}), "ntxent: z is [8, 4096]; on ");
  refused("ntxent_peclr", planted("shift", f32, {8, 1}),
          "tensor 'shift' is F32 [8, 1]; F32 [8, 2] is needed");
  refused("procrustes_noisy", planted("target", f32, {1, 21, 3}),
          "tensor 'target' is F32 [1, 21, 3]; F32 [6, 21, 3] is needed");
  refused("procrustes_noisy", planted("source", f32, {6, 21, 2}),
          "tensor 'source' is F32 [6, 21, 2]; F32 [any, any, 3] is needed");
  refused("pose25d", planted("joints3d", f32, {4, 1, 3}),
          "tensor 'joints3d' is F32 [4, 1, 3]; F32 [4, 21, 3] is needed");
  refused("pose25d", planted("predicted25d", f32, {3, 21, 3}), "F32 [4, 21, 3] is needed");
  refused("metrics", planted("predicted", f32, {8, 21, 2}),
          "tensor 'predicted' is F32 [8, 21, 2]; F32 [8, 21, 3] is needed");
  refused("augment_rotate", planted("source", u8, {40, 40, 1}),
          "tensor 'source' is U8 [40, 40, 1]; U8 [any, any, 3] is needed");
  refused("augment_rotate", planted("source", f32, {40, 40, 3}),
          "tensor 'source' is F32 [40, 40, 3]; U8 [any, any, 3] is needed");
  refused("augment_rotate", planted("source", u8, {1, 40, 3}), "sides from 2 to 16384 are needed");
  refused("augment_rotate", planted("source", u8, {40, 40, 3}), "its 'out' is '-1'",
          {{"out", "-1"}});
  refused("augment_rotate", planted("source", u8, {40, 40, 3}), "its crop reaches more than",
          {{"crop_x", "nan"}});
  refused("optimiser_adam", planted("start.fc.weight", f32, {3, 2, 2}),
          "tensor 'start.fc.weight' is F32 [3, 2, 2]; F32 [any] is needed");
  refused("optimiser_adam", planted("start.bn.bias", f64, {4}),
          "tensor 'start.bn.bias' is F64 [4]; F32 [any] is needed");
  refused("pose25d", planted("K", f32, {1, 9}), "tensor 'K' is F32 [1, 9]; F32 [2, 3, 3] is needed",
          {{"op", "handnet"}, {"depth", "18"}, {"batch", "2"}, {"size", "32"}, {"seed", "1"}});
  refused("metrics", planted("predicted", f32, {8, 21, 3}), "its 'batch' is '0'",
          {{"op", "resnet"}, {"depth", "18"}, {"batch", "0"}, {"size", "32"}, {"seed", "1"}});
}

// The goldens that the project was given, where they are at hand: the whole networks among them.
TEST_CASE("golden: the shared goldens pass") {
  const std::string folder = test::in_shared("goldens/maths");
  if (folder.empty()) return;
  std::vector<std::string> args{"golden", "--device", kDevice, "--json"};
  for (const std::string& file : files_in(folder)) {
    if (std::getenv("PECLR_QUICK") && file.find("resnet152") != std::string::npos) continue;
    args.push_back(file);
  }
  const ProgramResult result = run_peclr(args);
  INFO(result.err);
  CHECK(result.exit_code == 0);
  const std::vector<json> lines = json_lines(result.out);
  CHECK(lines.size() > 3 * (args.size() - 4));
  for (const json& line : lines) {
    check_form(line);
    CHECK(line["pass"] == true);
  }
}

}  // namespace
}  // namespace peclr
