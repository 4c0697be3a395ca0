// SPDX-License-Identifier: Apache-2.0
// --dry-run tells what a training would do, refuses what that would refuse, and writes nothing.
#include <catch2/catch.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/support/refusals.h"
#include "tests/support/small_runs.h"
#include "tools/settings/settings.h"

namespace peclr {
namespace {

using namespace test;

TEST_CASE("dry run: the plan is the run's, and nothing is written") {
  const SmallRuns runs(20);
  const std::string hands = runs.folder / "hands";
  for (const Command command : {Command::pretrain, Command::finetune}) {
    const Args asked = runs.start(name_of(command), "run",
                                  {"train.epochs=3", "train.batch_size=4", "train.accumulate=2",
                                   "train.warmup_epochs=1", "train.lr=0.25", "data.crop=box"});
    const auto before = content(runs.folder.path().string());
    const ProgramResult plan = run_peclr(asked + Args{"--dry-run"});
    INFO(described(plan));
    REQUIRE(plan.exit_code == 0);
    CHECK(content(runs.folder.path().string()) == before);
    const std::string views =
        command == Command::pretrain ? "their joints" : "the boxes of their joints";
    CHECK(plan.prints("# " + hands + ": 20 pictures, views of " + views + "\n"));
    CHECK(
        plan.prints("# 6 steps of 8 pictures, 2 an epoch of 20 pictures; learning rate up to 0.25, "
                    "after 2 steps of warm-up\n"));
    CHECK(plan.prints("# memory: a step needs at least "));
    const ProgramResult run = run_peclr(asked);
    INFO(described(run));
    REQUIRE(run.exit_code == 0);
    const auto settings = [&](const std::string& yaml) {
      return settings_yaml(command, settings_from_yaml(command, yaml, "yaml"));
    };
    CHECK(settings(plan.out) == settings(read_bytes(runs.file("run", "config.yaml"))));
    std::filesystem::remove_all(runs.out("run"));
  }
  const ProgramResult photos = run_peclr(
      runs.start("pretrain", "run",
                 {"data.train=" + hands + "/training/rgb", "train.batch_size=4", "--dry-run"}));
  CHECK(photos.prints("20 pictures, views of their centre squares\n"));
}

TEST_CASE("dry run: what the run would refuse is refused") {
  const SmallRuns runs(20);
  const Args tried = runs.start("finetune", "run", {"train.batch_size=4", "--dry-run"});
  refused(tried + Args{"train.batch_size=40"}, kData, {"20 pictures, fewer than"});
  refused(tried + Args{"train.freeze=encoder"}, kUsage, {"train.freeze"});
  refused(tried + Args{"--init-from", "none.pth"}, kData, {"none.pth"});
  refused(tried + Args{"data.train=none"}, kData, {"none"});
  refused(tried + Args{"train.epoch=3"}, kUsage, {"train.epochs"});
  refused(tried + Args{"--resume"}, kUsage, {"--dry-run", "--resume"});
  const ProgramResult held = run_peclr(
      runs.start("finetune", "held", {"train.batch_size=4", "train.epochs=1", "data.holdout=0.2"}));
  INFO(described(held));
  REQUIRE(held.exit_code == 0);
  refused(tried + Args{"--init-from", runs.file("held", "model.safetensors"), "data.holdout=0.4"},
          kUsage, {"data.holdout=0.2"});
  CHECK_FALSE(std::filesystem::exists(runs.out("run")));
}

TEST_CASE("dry run: a folder that the run would refuse is refused") {
  const SmallRuns runs(4);
  const std::string file = runs.folder / "file";
  write_bytes(file, "x");
  std::filesystem::create_directory(runs.out("held"));
  write_bytes(runs.file("held", "last.safetensors"), "x");
  std::filesystem::create_directory(runs.out("closed"));
  std::filesystem::permissions(
      runs.out("closed"), std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
  const struct {
    std::string out, words;
    int code;
  } cases[] = {{runs.out("held"), "the folder holds a run", kUsage},
               {file, "cannot make the folder", kFailure},
               {file + "/below/it", "cannot make the folder", kFailure},
               {"/proc/x/y", "cannot make the folder", kFailure},
               {runs.out("closed"), "cannot write to the folder", kFailure},
               {runs.out("closed") + "/below", "cannot make the folder", kFailure}};
  const auto before = content(runs.folder.path().string());
  for (const auto& c : cases)
    for (const Args& more : {Args{"--dry-run"}, Args{}}) {
      const ProgramResult result =
          run_peclr(runs.start("pretrain", "run", {"train.batch_size=4", "out=" + c.out}) + more,
                    {.obeys_modes = true});
      INFO(described(result));
      if (result.exit_code != 126) CHECK(result.refuses(c.code, {c.out, c.words}));
    }
  CHECK(content(runs.folder.path().string()) == before);
  // Folders that are to be made, and one that is there.
  std::filesystem::create_directory(runs.out("empty"));
  for (const std::string& out : {runs.out("new/deep/"), runs.out("empty")}) {
    const ProgramResult tried =
        run_peclr(runs.start("pretrain", "run", {"train.batch_size=4", "out=" + out, "--dry-run"}));
    INFO(described(tried));
    CHECK(tried.exit_code == 0);
  }
  CHECK_FALSE(std::filesystem::exists(runs.out("new")));
}

TEST_CASE("dry run: a device that keeps no pictures is refused as by the run") {
  const SmallRuns runs(4);
  for (const char* command : {"pretrain", "finetune"}) {
    const Args asked =
        runs.start(command, "run", {"train.batch_size=4", "device=cpu", "data.cache=gpu"});
    for (const Args& more : {Args{"--dry-run"}, Args{}})
      refused(asked + more, kUsage, {"data.cache=gpu", "not on a GPU"});
  }
}

TEST_CASE("dry run: a label that allows no view is refused as by the run") {
  const SmallRuns runs(4);
  const std::string path = runs.folder / "hands/training_xyz.json";
  auto hands = nlohmann::json::parse(read_bytes(path));
  for (auto& joint : hands[2]) joint = hands[2][0];
  write_bytes(path, hands.dump());
  const Args asked = runs.start("finetune", "run", {"train.batch_size=4", "data.crop=hand"});
  for (const Args& more : {Args{"--dry-run"}, Args{}})
    refused(asked + more, kData, {"00000002.jpg", "all lie on one point"});
}

}  // namespace
}  // namespace peclr
