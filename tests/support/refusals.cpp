// SPDX-License-Identifier: Apache-2.0
#include "tests/support/refusals.h"
#include "tests/support/places.h"

#include <catch2/catch.hpp>

namespace peclr::test {

namespace fs = std::filesystem;

void refused(const Args& args, int code, const Parts& parts, const ProgramOptions& options) {
  const ProgramResult result = run_peclr(args, options);
  INFO(described(result));
  CHECK(result.refuses(code, parts));
}

void refused(const Caught& error, const Parts& parts) {
  INFO(error.text);
  CHECK((error.kind == kData && error.one_line()));
  for (const std::string& part : parts) CHECK(error.names(part));
}

Args operator+(Args a, const Args& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

Args pretrain(const std::string& data, const std::string& out) {
  return {"pretrain",           "data.train=" + data, "out=" + out,
          "model.depth=18",     "model.input=32",     "train.epochs=1",
          "train.batch_size=3", "train.accumulate=1", "threads=1"};
}

std::string pictures(const TempFolder& folder, const char* name, int count) {
  fs::create_directory(folder / name);
  for (int i = 0; i < count; ++i)
    write_bytes(folder / name + "/" + std::to_string(100 + i) + ".jpg", jpeg());
  return folder / name;
}

std::string hand_network(const TempFolder& folder) {
  const std::string hands = folder / "few_hands", out = folder / "hand_network";
  REQUIRE(run_peclr({"synth", "--out", hands, "--count", "4"}).exit_code == 0);
  Args finetune = pretrain(hands, out);
  finetune[0] = "finetune";
  REQUIRE(run_peclr(finetune).exit_code == 0);
  return out + "/model.safetensors";
}

std::string jpeg() { return read_bytes(in_project("tests/pictures/420.jpg")); }
std::string png() { return read_bytes(in_project("tests/pictures/420.png")); }

std::map<std::string, std::size_t> content(const std::string& folder) {
  std::map<std::string, std::size_t> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file())
      files[entry.path().string()] = std::hash<std::string>()(read_bytes(entry.path().string()));
  return files;
}

StoppedRun::StoppedRun() {
  const ProgramResult result =
      run_peclr(pretrain(set, out) + Args{"train.epochs=4"},
                {.signal = SIGTERM,
                 .when = [this] { return read_bytes(metrics).find('\n') != std::string::npos; }});
  INFO(described(result));
  REQUIRE(result.exit_code == 75);
}

}  // namespace peclr::test
