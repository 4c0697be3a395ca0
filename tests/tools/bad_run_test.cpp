// SPDX-License-Identifier: Apache-2.0
// Run folders that are not what they should be: two runs at once, checkpoints that another version
// wrote, things that stand in the way, a signal in the middle of a save.
#include <algorithm>
#include <catch2/catch.hpp>

#include "engine/files/safetensors.h"
#include "tests/support/refusals.h"

namespace peclr {
namespace {

namespace fs = std::filesystem;
using namespace test;

TEST_CASE("bad input: two runs in one folder") {
  const TempFolder folder;
  const std::string set = pictures(folder, "set", 9), out = folder / "run",
                    lock = out + "/run.lock";
  const Args args = pretrain(set, out) + Args{"train.epochs=1000"};
  bool asked = false;
  const auto second = [&] {
    if (read_bytes(out + "/metrics.jsonl").empty()) return false;
    asked = true;
    const std::string process = read_bytes(lock);
    CHECK_FALSE(process.empty());
    for (const Args& more : {Args{}, Args{"--resume"}})
      refused(args + more, kFailure,
              {out, "another peclr (process " + process + ")", "choose another out"});
    CHECK(fs::exists(lock));
    return true;
  };
  const ProgramResult first = run_peclr(args, {.signal = SIGTERM, .when = second});
  INFO(described(first));
  REQUIRE(asked);
  REQUIRE(first.exit_code == 75);  // or the last line below would train to the end
  CHECK_FALSE(fs::exists(lock));
  // The lock of a run that was killed is only a file.
  write_bytes(lock, "1");
  refused(args, kUsage, {out, "holds a run", "--resume"});
}

TEST_CASE("bad input: checkpoints of another version, or with damaged notes") {
  const StoppedRun run;
  const TensorFile stored(run.last);
  const auto with = [&](const std::string& path, const std::string& key, const std::string& value) {
    Metadata metadata = stored.metadata();
    metadata[key] = value;
    write_safetensors(path, stored.tensors(), metadata);
  };
  const auto refused_resume = [&](const std::string& key, const std::string& value,
                                  const Parts& parts) {
    with(run.last, key, value);
    const auto before = content(run.out);
    refused(run.resume, kData, parts + Parts{run.last});
    CHECK(content(run.out) == before);
  };
  for (const char* step : {"x", "", "-1", "2.5", "99999999999999999999"})
    refused_resume("peclr.step", step, {"peclr.step", "not a whole number", "use another file"});
  const std::string& settings = stored.metadata_at("peclr.settings");
  refused_resume("peclr.settings", settings + "tomorrow: 3\n",
                 {"another version of peclr", "unknown key 'tomorrow'", "choose another out"});
  refused_resume("peclr.settings", "[", {"another version of peclr", "not valid YAML"});
  refused_resume("peclr.pictures", "7", {"7 pictures", "9 now", "the same pictures"});

  const std::string other = run.folder / "other.safetensors";
  const Args predict{"predict", "--init-from", other, "data.eval=" + run.set,
                     "out=" + (run.folder / "p")};
  for (const char* side : {"x", "7", "999999999"}) {
    with(other, "peclr.input", side);
    refused(predict, kData, {other, "peclr.input", "whole number from 32 to 1024"});
  }
  with(other, "peclr.crop", "joints");
  refused(predict, kData, {other, "peclr.crop is 'joints', not picture, hand or box"});
  with(other, "peclr.border", "white");
  refused(predict, kData, {other, "peclr.border is 'white', not black or reflect"});
}

TEST_CASE("bad input: --resume with nothing to go on from says so and starts") {
  const TempFolder folder;
  const std::string set = pictures(folder, "set", 3), out = folder / "new";
  const ProgramResult result = run_peclr(pretrain(set, out) + Args{"--resume"});
  INFO(described(result));
  CHECK(result.exit_code == 0);
  CHECK(result.says("--resume: no " + out + "/last.safetensors, starting afresh"));
  CHECK(result.says("no weights given: random ones (seed 1)\n"));
  refused({"pretrain", "out=" + (folder / "none"), "--resume"}, kUsage, {"data.train is not set"});
}

TEST_CASE("bad input: a finished model without its checkpoint is not overwritten") {
  const TempFolder folder;
  const std::string set = pictures(folder, "set", 3), out = folder / "run",
                    model = out + "/model.safetensors";
  REQUIRE(run_peclr(pretrain(set, out)).exit_code == 0);
  fs::remove(out + "/last.safetensors");
  const std::string before = read_bytes(model), metrics = read_bytes(out + "/metrics.jsonl");
  for (const Args& more : {Args{}, Args{"--resume"}, Args{"--init-from", model}})
    refused(pretrain(set, out) + more, kUsage, {model, "would be overwritten"});
  const bool kept = read_bytes(model) == before && read_bytes(out + "/metrics.jsonl") == metrics;
  CHECK(kept);
}

TEST_CASE("bad input: something else stands where a file of the run belongs") {
  const TempFolder folder;
  const std::string set = pictures(folder, "set", 3);
  for (const char* name : {"metrics.jsonl", "config.yaml", "last.safetensors", "run.lock"}) {
    const std::string out = folder / (std::string("out_") + name), file = out + "/" + name;
    fs::create_directories(file + "/inside");
    const bool is_read = name == std::string("last.safetensors");
    refused(pretrain(set, out) + Args{"--resume"}, is_read ? kData : kFailure,
            {file, is_read ? "this is a folder; give a file" : "move it away"});
  }
}

TEST_CASE("bad input: SIGINT in the middle of a save ends it whole") {
  const TempFolder folder;
  const std::string set = pictures(folder, "set", 9), out = folder / "run";
  const std::string saving = out + "/last.safetensors.tmp";
  const auto half_saved = [&] {
    std::error_code gone;
    const auto bytes = fs::file_size(saving, gone);
    return !gone && bytes > 1'000'000;
  };
  const ProgramResult stopped =
      run_peclr(pretrain(set, out) + Args{"train.epochs=1000", "train.save_seconds=0.05"},
                {.signal = SIGINT, .when = half_saved});
  INFO(described(stopped));
  REQUIRE(stopped.signalled);
  CHECK(stopped.exit_code == 75);
  CHECK(stopped.says("Go on with --resume"));
  CHECK_FALSE(fs::exists(saving));
  const TensorFile saved(out + "/last.safetensors");
  const std::string metrics = read_bytes(out + "/metrics.jsonl");
  CHECK(saved.metadata_at("peclr.step") ==
        std::to_string(std::count(metrics.begin(), metrics.end(), '\n')));
}

}  // namespace
}  // namespace peclr
