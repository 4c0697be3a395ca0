// SPDX-License-Identifier: Apache-2.0
// What predict leaves in its folder, and what it leaves alone there; and that nobody else is at
// work in it.
#include <catch2/catch.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "data/synthetic.h"
#include "tests/support/refusals.h"
#include "tools/evaluation/drawings.h"
#include "tools/run/folder_lock.h"

namespace peclr {
namespace {

namespace fs = std::filesystem;
using namespace test;

struct Prediction {
  TempFolder folder;
  std::string weights = hand_network(folder), photos = pictures(folder, "photos", 3),
              out = folder / "out", drawings = out + "/skeletons";

  Args args(const Args& more = {}) const {
    return Args{"predict",    "--init-from", weights, "data.eval=" + photos,
                "out=" + out, "threads=1"} +
           more;
  }
  void run(const Args& more = {}) const {
    const ProgramResult result = run_peclr(args(more));
    INFO(described(result));
    REQUIRE(result.exit_code == 0);
  }
};

TEST_CASE("predict: a folder that holds more than drawings is not replaced") {
  const Prediction prediction;
  prediction.run();
  REQUIRE(content(prediction.drawings).size() == 3);
  for (const char* name : {"/skeletons/notes.txt", "/skeletons/mine/deep/arm.obj",
                           "/skeletons/a.png.jpg", "/skeletons.part/x"}) {
    const fs::path file = prediction.out + name;
    fs::create_directories(file.parent_path());
    write_bytes(file.string(), "mine");
    const auto before = content(prediction.out);
    refused(prediction.args(), kUsage, {file.string(), "no drawing", "choose another out"});
    CHECK(content(prediction.out) == before);
    fs::remove(file);
  }
  prediction.run();
  CHECK_FALSE(fs::exists(prediction.drawings + "/mine"));
  fs::remove_all(prediction.drawings);
  write_bytes(prediction.drawings, "mine");
  refused(prediction.args(), kUsage, {prediction.drawings, "no drawing"});
  CHECK(read_bytes(prediction.drawings) == "mine");
}

TEST_CASE("predict: drawings among the pictures are refused before they are made") {
  const Prediction prediction;
  for (const char* out : {"", "/out", "/a/../out/b"})
    refused(prediction.args({"out=" + prediction.photos + out}), kUsage,
            {"data.eval=" + prediction.photos, "lies in it", "choose another out"});
  CHECK(content(prediction.photos).size() == 3);
  // A set in FreiHAND's layout says which files are its pictures.
  const std::string hands = prediction.folder / "few_hands";
  prediction.run({"data.eval=" + hands, "out=" + hands + "/out"});
  prediction.run({"data.eval=" + hands, "out=" + hands + "/out"});
  CHECK(content(hands + "/out/skeletons").size() == 1);
}

TEST_CASE("predict: each hand's camera, given or assumed, takes its joints to its pixels") {
  const Prediction prediction;
  for (const std::string& set : {prediction.photos, prediction.folder / "few_hands"})
    for (const char* side : {"right", "left"}) {
      prediction.run({"data.eval=" + set, std::string("data.side=") + side});
      const auto hands = nlohmann::json::parse(read_bytes(prediction.out + "/predictions.json"));
      REQUIRE(!hands.empty());
      for (const auto& hand : hands) {
        CHECK(hand.at("side") == side);
        const auto K = hand.at("K").get<std::vector<std::vector<double>>>();
        REQUIRE(K.size() == 3);
        CHECK(K[2] == std::vector<double>{0, 0, 1});
        for (std::size_t j = 0; j < 21; ++j) {
          const auto p = hand.at("xyz").at(j).get<std::vector<double>>(),
                     uv = hand.at("uv").at(j).get<std::vector<double>>();
          for (const std::size_t k : {0, 1}) {
            const double at = (K[k][0] * p[0] + K[k][1] * p[1] + K[k][2] * p[2]) / p[2];
            CHECK(at == Approx(uv[k]).margin(0.02));
          }
        }
      }
    }
}

TEST_CASE("predict: a setting without effect is told of") {
  const Prediction prediction;
  const ProgramResult result = run_peclr(prediction.args({"data.first_crop=0.5"}));
  INFO(described(result));
  CHECK(result.exit_code == 0);
  CHECK(result.says("data.first_crop: has no effect with data.crop=picture\n"));
  CHECK_FALSE(run_peclr(prediction.args()).says("has no effect"));
}

TEST_CASE("predict: an earlier submission does not stay beside other predictions") {
  const Prediction prediction;
  const Args hands{"data.eval=" + (prediction.folder / "few_hands")};
  prediction.run(hands + Args{"--submission"});
  CHECK(fs::exists(prediction.out + "/pred.json"));
  prediction.run(hands);
  CHECK_FALSE(fs::exists(prediction.out + "/pred.json"));
}

TEST_CASE("predict: a picture whose drawing cannot be named is told of, the others are drawn") {
  const Prediction prediction;
  const std::string fits = std::string(247, 'a') + ".jpg",
                    too_long = std::string(248, 'b') + ".jpg";
  for (const std::string& name : {fits, too_long})
    write_bytes(prediction.photos + "/" + name, jpeg());
  const ProgramResult result = run_peclr(prediction.args());
  INFO(described(result));
  CHECK(result.exit_code == 0);
  CHECK(result.says("bbb.jpg: not drawn, for with .png its name has more than 255 bytes\n"));
  CHECK(result.says("4 drawn in"));
  CHECK(fs::exists(prediction.drawings + "/" + fits + ".png"));
  CHECK_FALSE(fs::exists(prediction.drawings + ".part"));
}

TEST_CASE("predict: drawings are spread over the good predictions, wherever bad ones lie") {
  const TempFolder folder;
  const std::string drawings = folder / "drawings";
  PictureSet set;
  set.root = folder / "photos";
  fs::create_directories(set.root);
  std::vector<HandPrediction> predictions(16);
  for (std::size_t i = 0; i < predictions.size(); ++i) {
    predictions[i].file = std::string(1, char('a' + i)) + ".jpg";
    predictions[i].good = i % 2 == 1;
    if (predictions[i].good) write_bytes(set.root / predictions[i].file, jpeg());
  }
  using Names = std::set<std::string>;
  const auto drawn = [&](int wanted) {
    const int count = draw_hands(drawings, set, predictions, wanted);
    Names names;
    for (const auto& entry : fs::directory_iterator(drawings))
      names.insert(entry.path().filename().string());
    CHECK(names.size() == std::size_t(count));
    return names;
  };
  CHECK(drawn(4) == Names{"b.jpg.png", "f.jpg.png", "j.jpg.png", "n.jpg.png"});
  CHECK(drawn(3) == Names{"b.jpg.png", "f.jpg.png", "l.jpg.png"});
  CHECK(drawn(99).size() == 8);
  CHECK(drawn(0).empty());
  CHECK(drawn(-1).empty());
}

TEST_CASE("lock: whoever writes into a folder is refused while another is at work in it") {
  const Prediction prediction;
  const std::string hands = prediction.folder / "few_hands", out = "out=" + prediction.out;
  prediction.run({"data.eval=" + hands, "--submission"});
  const std::string predicted = prediction.folder / "pred.json";
  fs::copy_file(prediction.out + "/pred.json", predicted);
  write_synthetic(prediction.folder / "more_hands", 6, 1);  // a probe wants five labels
  const Args all[] = {prediction.args({"data.eval=" + hands}),
                      {"evaluate", "--init-from", prediction.weights, "data.eval=" + hands, out},
                      {"probe", "model.depth=18", "model.input=32",
                       "data.train=" + (prediction.folder / "more_hands"), out},
                      {"score", predicted, hands, "--out", prediction.out}};
  {
    const FolderLock lock(prediction.out);
    const auto before = content(prediction.out);
    for (const Args& args : all)
      refused(args, kFailure, {prediction.out, "another peclr (process ", "choose another out"});
    CHECK(content(prediction.out) == before);
  }
  for (const Args& args : all) {
    const ProgramResult result = run_peclr(args);
    INFO(described(result));
    CHECK(result.exit_code == 0);
    CHECK_FALSE(fs::exists(prediction.out + "/run.lock"));
  }
}

}  // namespace
}  // namespace peclr
