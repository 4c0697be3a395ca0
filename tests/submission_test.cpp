// SPDX-License-Identifier: Apache-2.0
// FreiHAND's file of predictions: written by predict, scored by `score`, whoever made it.
#include <catch2/catch.hpp>
#include <cmath>
#include <nlohmann/json.hpp>

#include "data/synthetic.h"
#include "tests/support/files.h"
#include "tests/support/program.h"
#include "tests/support/small_runs.h"
#include "tools/submission.h"

namespace peclr {
namespace {

using nlohmann::json;
using namespace test;
namespace fs = std::filesystem;

using Hand = std::array<std::array<double, 3>, kJoints>;

std::vector<Hand> true_hands(const std::string& set) {
  return json::parse(read_bytes(set + "/evaluation_xyz.json")).get<std::vector<Hand>>();
}

ProgramResult score(const std::string& file, const std::string& set) {
  return run_peclr({"score", file, set});
}

TEST_CASE("score: predict's submission has evaluate's scores", "[submission]") {
  const SmallRuns runs(30);
  REQUIRE(run_peclr(runs.start("finetune", "run", {"train.epochs=1", "train.batch_size=10"}))
              .exit_code == 0);
  const std::string set = runs.folder / "hands", out = runs.out("run");
  const ProgramResult evaluated =
      run_peclr({"evaluate", "out=" + out, "data.eval=" + set, "threads=1"});
  INFO(described(evaluated));
  REQUIRE(evaluated.exit_code == 0);
  const ProgramResult predicted =
      run_peclr({"predict", "--submission", "out=" + out, "data.eval=" + set, "threads=1"});
  INFO(described(predicted));
  REQUIRE(predicted.exit_code == 0);
  const json submission = json::parse(read_bytes(out + "/pred.json"));
  REQUIRE(submission.size() == 2);
  const std::size_t hands = true_hands(set).size();
  CHECK(submission[0].size() == hands);
  CHECK(submission[1] == json(std::vector(hands, std::vector(778, std::vector(3, 0)))));

  const ProgramResult scored = run_peclr({"score", out + "/pred.json", set, "--out", out + "/s"});
  INFO(described(scored));
  REQUIRE(scored.exit_code == 0);
  const json mine = json::parse(scored.out), theirs = json::parse(evaluated.out);
  for (const auto& [key, value] : theirs.items())
    CHECK(mine.at(key).get<double>() == Approx(value.get<double>()).epsilon(1e-4).margin(1e-4));
  CHECK(read_bytes(out + "/s/scores.txt") == read_bytes(out + "/scores.txt"));
  CHECK(json::parse(read_bytes(out + "/s/errors.json")).at("pictures").size() == hands);
  CHECK(run_peclr({"report", out + "/s", "--out", out + "/page.html"}).exit_code == 0);
}

TEST_CASE("score: the lines of scores.txt, by hand", "[submission]") {
  const TempFolder folder;
  write_synthetic(folder / "hands", 20, 1);
  std::vector<Hand> hands = true_hands(folder / "hands");
  for (Hand& hand : hands)
    for (auto& joint : hand) joint[0] += 0.02;           // metres: all that alignment takes away
  write_bytes(folder / "xyz.json", json(hands).dump());  // joints alone
  const ProgramResult alone = score(folder / "xyz.json", folder / "hands");
  INFO(described(alone));
  REQUIRE(alone.exit_code == 0);
  // 2 cm: within 60 of the 99 steps to 5 cm, and half of the step in which the curve rises.
  const auto line = [&](const std::string& name) {
    const std::size_t at = alone.err.find(name + ": ");
    REQUIRE(at != alone.err.npos);
    return std::stod(alone.err.substr(at + name.size() + 2));
  };
  CHECK(line("xyz_mean3d") == Approx(2).epsilon(1e-5));
  CHECK(line("xyz_auc3d") == Approx((99 - 39.5) / 99).margin(0.5 / 99 + 1e-6));
  CHECK(line("xyz_al_mean3d") < 1e-3);
  CHECK(line("xyz_al_auc3d") > 0.99);
  // The same in a pair with vertices, spaced as Python's json does.
  write_bytes(folder / "pred.json", json{hands, json::array()}.dump(1));
  CHECK(score(folder / "pred.json", folder / "hands").out == alone.out);
  // FreiHAND's own sample is all zeros, which are in no picture.
  write_bytes(folder / "zeros.json", json(std::vector<Hand>(hands.size(), Hand{})).dump());
  const ProgramResult zeros =
      run_peclr({"score", folder / "zeros.json", folder / "hands", "--out", folder / "zeros"});
  INFO(described(zeros));
  REQUIRE(zeros.exit_code == 0);
  CHECK(json::parse(zeros.out).at("epe_cm") > 10);
  CHECK_FALSE(json::parse(zeros.out).contains("epe_2d_px"));
  CHECK(run_peclr({"report", folder / "zeros", "--out", folder / "page.html"}).exit_code == 0);
  // Planted fault: millimetres would be seen.
  for (Hand& hand : hands)
    for (auto& joint : hand)
      for (double& number : joint) number *= 1000;
  write_bytes(folder / "mm.json", json(hands).dump());
  CHECK(json::parse(score(folder / "mm.json", folder / "hands").out).at("epe_cm") > 1000);
}

TEST_CASE("score: files that fit no truth are refused by name", "[submission]") {
  const TempFolder folder;
  write_synthetic(folder / "hands", 20, 1);
  const std::string set = folder / "hands", file = folder / "pred.json";
  const std::vector<Hand> hands = true_hands(set);
  REQUIRE(hands.size() == 2);
  const auto refused = [&](const std::string& text, const std::vector<std::string>& names) {
    write_bytes(file, text);
    const ProgramResult result = score(file, set);
    INFO(described(result));
    CHECK(result.refuses(3, names));
  };
  refused(json{{hands[0]}, json::array()}.dump(), {"pred.json", "1 hands", "2"});
  refused(json{{hands[0], nullptr}, json::array()}.dump(), {"pred.json", "entry 1"});
  json short_hand = json(hands);
  short_hand[1].erase(20);
  refused(json{short_hand, json::array()}.dump(), {"pred.json", "entry 1", "20"});
  const std::string whole = json{hands, json::array()}.dump();
  refused(whole.substr(0, 300), {"pred.json", "cut"});
  refused("", {"pred.json", "empty"});
  refused("{}", {"pred.json"});
  write_bytes(file, whole);
  CHECK(score(file, folder / "nowhere").refuses(3, {"nowhere"}));
  fs::remove(fs::path(set) / "evaluation_xyz.json");
  CHECK(score(file, set).refuses(3, {"evaluation_xyz.json"}));
  CHECK(run_peclr({"score", file}).refuses(2, {"paths"}));
}

TEST_CASE("predict: a submission with a gap is refused", "[submission]") {
  std::vector<HandPrediction> hands(2);
  hands[0].file = "a.jpg", hands[0].good = hands[0].metric = true;
  hands[1].file = "b.jpg";
  const Caught error = caught([&] { submission_json(hands); });
  CHECK(error.kind == static_cast<int>(ErrorKind::data));
  CHECK(error.names("b.jpg"));
  hands[1].good = true;
  CHECK(json::parse(submission_json(hands))[0].size() == 2);
}

}  // namespace
}  // namespace peclr
