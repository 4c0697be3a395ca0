// SPDX-License-Identifier: Apache-2.0
// What an earlier model left in a folder never passes for a new one's.
#include <catch2/catch.hpp>
#include <filesystem>

#include "tests/support/refusals.h"
#include "tests/support/small_runs.h"
#include "tools/run/run_record.h"

namespace peclr {
namespace {

namespace fs = std::filesystem;
using namespace test;

TEST_CASE("earlier results: a new training in their folder is refused, and nothing is lost") {
  const SmallRuns runs(10);
  const std::string out = runs.out("run");
  const Args asked = runs.start("finetune", "run", {"train.epochs=1", "train.batch_size=5"});
  fs::create_directory(out);
  for (const char* name : {"scores.json", "scores.txt", "errors.json", "probe.json",
                           "predictions.json", "pred.json", "epoch_0002.safetensors"}) {
    write_bytes(out + "/" + name, "{}");
    const auto before = content(out);
    for (const Args& more : {Args{}, Args{"--dry-run"}})
      refused(asked + more, kUsage, {out, name, "an earlier model left", "choose another out"});
    CHECK(content(out) == before);
    fs::remove(out + "/" + name);
  }
}

TEST_CASE("earlier results: a folder whose models and results are gone is as a new one") {
  const SmallRuns runs(10);
  const std::string out = runs.out("run");
  const Args asked = runs.start("finetune", "run", {"train.epochs=1", "train.batch_size=5"});
  const auto succeeds = [](const Args& args) {
    const ProgramResult result = run_peclr(args);
    INFO(described(result));
    REQUIRE(result.exit_code == 0);
  };
  succeeds(asked);
  succeeds({"evaluate", "out=" + out, "data.eval=" + runs.out("hands"), "threads=1"});
  CHECK(read_run_records(out).size() == 2);
  for (const char* weights : {"model.safetensors", "last.safetensors"})
    fs::remove(out + "/" + weights);
  write_bytes(out + "/notes.txt", "mine");
  // As a job that is queued again asks.
  for (const Args& more : {Args{}, Args{"--resume"}})
    refused(asked + more, kUsage, {"scores.json", "errors.json"});
  for (const char* results : {"scores.json", "scores.txt", "errors.json"})
    fs::remove(out + "/" + results);
  succeeds(asked);
  const RunRecords records = read_run_records(out);
  CHECK((records.size() == 1 && records.count("finetune") == 1));
  CHECK(read_bytes(out + "/notes.txt") == "mine");
}

TEST_CASE("earlier results: killed between a kept epoch and its checkpoint, a run goes on") {
  const SmallRuns runs(10);
  fs::create_directory(runs.out("run"));
  write_bytes(runs.file("run", "epoch_0001.safetensors"), "");
  const ProgramResult result = run_peclr(
      runs.start("finetune", "run", {"train.epochs=1", "train.batch_size=5", "--resume"}));
  INFO(described(result));
  CHECK(result.exit_code == 0);
}

}  // namespace
}  // namespace peclr
