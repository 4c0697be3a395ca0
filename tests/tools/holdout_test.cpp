// SPDX-License-Identifier: Apache-2.0
// data.holdout: what training leaves out is what evaluate and probe score on.
#include <catch2/catch.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/support/program.h"
#include "tests/support/small_runs.h"
#include "tools/evaluation/scored_pictures.h"
#include "tools/trainer/picture_feed.h"

namespace peclr {
namespace {

using namespace test;

TEST_CASE("holdout: evaluate scores what training left out", "[holdout]") {
  const SmallRuns runs(40);
  const std::string set = runs.folder / "hands", out = runs.out("run");
  const auto finetune = [&](const char* run, const char* holdout) {
    const ProgramResult result = run_peclr(runs.start(
        "finetune", run,
        {"train.epochs=1", "train.batch_size=8", std::string("data.holdout=") + holdout}));
    INFO(described(result));
    REQUIRE(result.exit_code == 0);
  };
  const auto evaluate = [&](const std::string& run, const char* holdout) {
    return run_peclr({"evaluate", "out=" + runs.out(run), "data.eval=" + set, "threads=1",
                      std::string("data.holdout=") + holdout});
  };
  const auto count = [&](const ProgramResult& result) {
    INFO(described(result));
    REQUIRE(result.exit_code == 0);
    return nlohmann::json::parse(result.out).at("count").get<int>();
  };
  finetune("run", "0.25");
  CHECK(count(evaluate("run", "0.25")) == 10);
  CHECK(nlohmann::json::parse(read_bytes(runs.file("run", "scores.json"))).at("holdout") == 0.25);
  CHECK(count(evaluate("run", "0")) == 4);  // the evaluation split
  CHECK(evaluate("run", "0.5").refuses(2, {"data.holdout=0.25", "data.holdout=0.5"}));
  finetune("all", "0");
  CHECK(evaluate("all", "0.25").refuses(2, {"data.holdout=0,", "data.holdout=0.25"}));
  const ProgramResult inherited =
      run_peclr(runs.start("finetune", "next",
                           {"train.epochs=1", "train.batch_size=8", "data.holdout=0.25",
                            "--init-from", runs.file("all", "model.safetensors")}));
  CHECK(inherited.refuses(2, {"data.holdout=0,", "data.holdout=0.25"}));
  CHECK(nlohmann::json::parse(read_bytes(runs.file("run", "scores.json"))).at("holdout") == 0);
  const auto probed_with = [&](const std::string& run, const char* holdout) {
    return run_peclr({"probe", "--init-from", runs.file(run, "model.safetensors"),
                      "out=" + runs.out("probe"), "data.train=" + set, "threads=1",
                      std::string("data.holdout=") + holdout});
  };
  CHECK(probed_with("all", "0.25").refuses(2, {"data.holdout=0,", "data.holdout=0.25"}));
  CHECK(probed_with("run", "0.5").refuses(2, {"data.holdout=0.25", "data.holdout=0.5"}));
  CHECK(probed_with("all", "0").exit_code == 0);  // the evaluation split
  // A pre-training has seen no label.
  REQUIRE(run_peclr(runs.start("pretrain", "pre", {"train.epochs=1", "train.batch_size=8"}))
              .exit_code == 0);
  CHECK(probed_with("pre", "0.25").exit_code == 0);
  const ProgramResult probe = probed_with("run", "0.25");
  INFO(described(probe));
  REQUIRE(probe.exit_code == 0);
  const auto probed = nlohmann::json::parse(probe.out);
  CHECK(probed.at("train") == 30);
  CHECK(probed.at("test") == 10);
}

TEST_CASE("holdout: no training sees what is scored", "[holdout]") {
  const SmallRuns runs(40);
  Settings settings = default_settings(Command::finetune);
  settings.data.train = {{runs.folder / "hands"}};
  settings.model.input = 32;
  settings.data.holdout = 0.25;
  const PictureSet scored = open_scored(settings, runs.folder / "hands");
  CHECK(scored.size() == 10);
  const std::set<std::string> held(scored.files.begin(), scored.files.end());
  for (const Need need : {Need::pictures, Need::joints}) {
    PictureFeed feed(settings, need);
    REQUIRE(feed.pictures() == 30);
    std::set<std::string> learned;
    for (std::int64_t i = 0; i < 30; ++i) {
      const std::string file = std::filesystem::path(feed.item(0, i).file).filename().string();
      learned.insert(file);
      CHECK_FALSE(held.contains("training/rgb/" + file));
    }
    CHECK(learned.size() == 30);
  }
  settings.data.train = {{runs.folder / "hands/training/rgb"}};  // without labels
  CHECK(caught([&] { PictureFeed(settings, Need::pictures); }).names("data.holdout"));
}

}  // namespace
}  // namespace peclr
