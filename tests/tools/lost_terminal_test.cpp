// SPDX-License-Identifier: Apache-2.0
// A stderr that takes nothing (a full disk, a terminal that went away, none at all) changes neither
// what a command does nor its exit code.
#include <catch2/catch.hpp>
#include <filesystem>

#include "tests/support/refusals.h"
#include "tests/support/small_runs.h"

namespace peclr {
namespace {

using namespace test;

TEST_CASE("lost terminal: results and exit codes stay what they are") {
  const SmallRuns runs(10);
  const auto train = [&](const std::string& run, const ProgramOptions& options) {
    return run_peclr(runs.start("finetune", run, {"train.epochs=1", "train.batch_size=5"}), options)
        .exit_code;
  };
  const auto evaluate = [&](const std::string& run, const ProgramOptions& options) {
    return run_peclr(
        {"evaluate", "init_from=" + runs.file("told", "model.safetensors"), "out=" + runs.out(run),
         "data.eval=" + runs.out("hands"), "threads=1", "seed=1"},
        options);
  };
  REQUIRE(train("told", {}) == 0);
  const ProgramResult told = evaluate("told", {});
  INFO(described(told));
  REQUIRE(told.exit_code == 0);

  const ProgramOptions lost[] = {{.stderr_to = "/dev/full"}, {.closed = {2}}, {.closed = {0, 2}}};
  for (std::size_t i = 0; i < std::size(lost); ++i) {
    const std::string run = "lost" + std::to_string(i);
    CAPTURE(run);
    CHECK(train(run, lost[i]) == 0);
    const bool same_model = runs.model(run) == runs.model("told");
    CHECK(same_model);
    CHECK(read_bytes(runs.file(run, "metrics.jsonl")).starts_with("{\"step\""));
    const ProgramResult scored = evaluate(run, lost[i]);
    CHECK(scored.exit_code == 0);
    CHECK(scored.out == told.out);
    CHECK(scored.err.empty());
    CHECK(read_bytes(runs.file(run, "scores.json")) ==
          read_bytes(runs.file("told", "scores.json")));
    CHECK(run_peclr({"evaluate", "seeed=1"}, lost[i]).exit_code == kUsage);
    CHECK(run_peclr({"info", runs.out("none")}, lost[i]).exit_code == kData);
  }
}

TEST_CASE("lost terminal: a stdout that is closed is an error still") {
  refused({"info"}, kFailure, {"stdout: "}, {.closed = {1}});
  refused({"info"}, kFailure, {"stdout: "}, {.closed = {0, 1}});
}

}  // namespace
}  // namespace peclr
