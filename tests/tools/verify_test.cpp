// SPDX-License-Identifier: Apache-2.0
// peclr verify: a whole set passes, and each fault that is planted in one is told.
#include <catch2/catch.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "data/examine.h"
#include "data/synthetic.h"
#include "engine/parallel.h"
#include "tests/support/files.h"
#include "tests/support/program.h"

using namespace peclr;
using nlohmann::json;
using test::described;
using test::ProgramResult;
using test::run_peclr;
using test::TempFolder;

namespace {

namespace fs = std::filesystem;

bool says(const ProgramResult& result, const std::string& part) {
  return result.out.find(part) != std::string::npos;
}

void change(const std::string& file, const std::function<void(json&)>& how) {
  json document = json::parse(test::read_bytes(file));
  how(document);
  test::write_bytes(file, document.dump());
}

}  // namespace

TEST_CASE("verify: a whole set and a folder of pictures pass", "[verify]") {
  const TempFolder folder;
  write_synthetic(folder / "hands", 20, 3);
  const ProgramResult result = run_peclr({"verify", folder / "hands", folder / "hands/training"});
  INFO(described(result));
  CHECK(result.exit_code == 0);
  CHECK(says(
      result,
      "hands, training: 20 pictures (224 x 224 pixels), 20 labels: camera, joints and scale\n"));
  CHECK(says(result, "hands, evaluation: 2 pictures"));
  CHECK(says(result, "hands/training: 20 pictures (224 x 224 pixels), no labels\n"));
  CHECK(says(result, "  bone 9-10: "));
}

TEST_CASE("verify: every planted fault is told", "[verify]") {
  const TempFolder folder;
  const std::string hands = folder / "hands";
  write_synthetic(hands, 20, 3);
  const auto found = [&](const std::vector<std::string>& parts, int wrong) {
    const ProgramResult result = run_peclr({"verify", hands});
    INFO(described(result));
    for (const std::string& part : parts) CHECK(says(result, part));
    CHECK(
        result.refuses(3, {fmt::format("{} pictures or labels are not as they should be", wrong)}));
  };
  const std::string picture = hands + "/training/rgb/00000007.jpg",
                    good = test::read_bytes(picture);
  test::write_bytes(picture, std::string_view(good).substr(0, good.size() / 2));
  found({"  " + picture + ": truncated or damaged JPEG"}, 1);
  test::write_bytes(picture, good);
  // Named, and counted, as they are no part of the set.
  for (const char* name : {"a.HEIC", "b.webp", "sub/c.tif", "d.gif"}) {
    fs::create_directories(fs::path(hands + "/training/rgb/" + name).parent_path());
    test::write_bytes(hands + "/training/rgb/" + name, "");
  }
  found({"20 pictures (", "  4 files are not read (the first " + hands +
                              "/training/rgb/a.HEIC); convert them to JPEG or PNG\n"},
        4);
  for (const char* name : {"a.HEIC", "b.webp", "sub", "d.gif"})
    fs::remove_all(hands + "/training/rgb/" + name);

  const std::string joints = hands + "/training_xyz.json", before = test::read_bytes(joints),
                    scales = test::read_bytes(hands + "/training_scale.json"),
                    cameras = test::read_bytes(hands + "/training_K.json");
  change(joints, [](json& all) {
    for (json& p : all[4]) p[0] = p[0].get<double>() + 3;
  });
  found({"1 pictures whose hand has its middle outside", "the first training/rgb/00000004.jpg"}, 1);
  test::write_bytes(joints, before);
  change(joints, [](json& all) { std::swap(all[5][10], all[5][12]); });
  found({"1 labels whose scale is not the length of bone 9-10",
         "the first training/rgb/00000005.jpg"},
        1);
  test::write_bytes(joints, before);
  const auto enlarge = [&](double times) {
    change(joints, [&](json& all) {
      for (json& hand : all)
        for (json& p : hand)
          for (json& x : p) x = times * x.get<double>();
    });
    change(hands + "/training_scale.json", [&](json& all) {
      for (json& x : all) x = times * x.get<double>();
    });
  };
  enlarge(1000);
  found({"labels look like millimetres, not metres"}, 1);
  enlarge(0.1);
  found({"labels look like centimetres, not metres"}, 1);
  enlarge(0.3);
  found({"which is no hand's: joints must be in metres"}, 1);
  test::write_bytes(joints, before);
  test::write_bytes(hands + "/training_scale.json", scales);

  // Left hands, listed ring by ring. No scale file knows better.
  fs::remove(hands + "/training_scale.json");
  for (const char* file : {"/training_xyz.json", "/training_K.json"})
    change(hands + file, [&](json& all) {
      for (json& hand : all) {
        if (hand.size() == 3) {
          hand[0][2] = 223 - hand[0][2].get<double>();  // the camera of the mirrored picture
          continue;
        }
        const json own = hand;
        for (std::size_t k = 0; k < 20; ++k) hand[1 + k] = own[1 + 4 * (k % 5) + k / 5];
        for (json& p : hand) p[0] = -p[0].get<double>();
      }
    });
  found({"labels look like AIT's order, not FreiHAND's\n",
         "that are bent); mirror them, pictures and joints\n"},
        2);
  test::write_bytes(joints, before);
  test::write_bytes(hands + "/training_K.json", cameras);
  test::write_bytes(hands + "/training_scale.json", scales);

  // What does not even open does not hide what stands behind it.
  fs::remove(picture);
  test::write_bytes(hands + "/evaluation/rgb/00000001.jpg", "");
  found({"picture 7 is missing", "00000001.jpg: the file is empty"}, 2);
  test::write_bytes(picture, good);
  fs::remove(hands + "/training_K.json");
  found({"training_K.json is not there", "00000001.jpg: the file is empty"}, 2);
  fs::remove(hands + "/evaluation_K.json");
  found({"training_K.json is not there", "evaluation_K.json is not there"}, 2);
  const ProgramResult none = run_peclr({"verify", folder / "none"});
  CHECK((none.refuses(3, {"1 pictures"}) && says(none, "no such folder")));
}

TEST_CASE("verify: findings do not depend on threads", "[verify]") {
  const TempFolder folder;
  write_synthetic(folder / "hands", 12, 3);
  test::write_bytes(folder / "hands/training/rgb/00000003.jpg", "");
  test::write_bytes(folder / "hands/training/rgb/00000009.jpg", "no");
  const PictureSet set = open_pictures(folder / "hands", Split::training);
  const auto with = [&](int count) {
    set_threads(count);
    const SetFindings findings = examine(set);
    set_threads(0);
    return findings;
  };
  const SetFindings one = with(1), three = with(3);
  REQUIRE(one.faults.size() == 2);
  CHECK((one.faults[0].find("00000003") != std::string::npos && one.faults == three.faults));
  CHECK((one.sizes == three.sizes && one.sizes.at({224, 224}) == 10 && one.bones == three.bones));
}
