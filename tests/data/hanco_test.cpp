// SPDX-License-Identifier: Apache-2.0
// HanCo's layout: one moment's joints in the world, seen by eight cameras before several
// backgrounds.
#include <catch2/catch.hpp>
#include <cmath>
#include <nlohmann/json.hpp>

#include "data/image.h"
#include "data/prepare/hanco.h"
#include "kernels/random.h"
#include "tests/support/files.h"
#include "tests/support/program.h"
#include "tests/support/refusals.h"

using namespace peclr;
using nlohmann::json;
using test::caught;
using test::described;
using test::ProgramResult;
using test::refused;
using test::run_peclr;
using test::TempFolder;
using test::write_bytes;

namespace {

namespace fs = std::filesystem;

constexpr int kCameras = 8;

// Camera c is turned about y by 45 c degrees and looks at the origin from 0.6 m.
double angle(int camera) { return 0.7853981633974483 * camera; }
json world_to_camera(int camera) {
  const double c = std::cos(angle(camera)), s = std::sin(angle(camera));
  return {{c, 0, s, 0}, {0, 1, 0, 0}, {-s, 0, c, 0.6}, {0, 0, 0, 1}};
}
json calibration() {
  json K = json::array(), M = json::array();
  for (int camera = 0; camera < kCameras; ++camera) {
    K.push_back({{480.0 + camera, 0, 112}, {0, 481.0 + camera, 110}, {0, 0, 1}});
    M.push_back(world_to_camera(camera));
  }
  return {{"K", K}, {"M", M}};
}

// Joint j of the moment, metres.
std::array<double, 3> world_joint(int j) { return {0.004 * j - 0.04, 0.003 * j, 0.025 * (j % 2)}; }

// Three sequences: two moments before a green screen, of which one is validated; one of neither
// kind's files; two moments elsewhere.
void write_hanco(const TempFolder& folder) {
  write_bytes(folder / "meta.json",
              json{{"is_train", {{true, true}, {true}, {false, false}}},
                   {"is_valid", {{true, false}, {true}, {true, true}}},
                   {"has_fit", {{true, true}, {true}, {true, true}}},
                   {"object_id", {{nullptr, nullptr}, {3}, {nullptr, nullptr}}}}
                  .dump());
  json xyz = json::array();
  for (int j = 0; j < kJoints; ++j) xyz.push_back(world_joint(j));
  for (const char* moment : {"0000/00000000", "0000/00000001", "0002/00000000"})
    for (const char* what : {"xyz", "calib"}) {
      const fs::path path = folder / fmt::format("{}/{}.json", what, moment);
      fs::create_directories(path.parent_path());
      write_bytes(path, (what[0] == 'x' ? xyz : calibration()).dump());
    }
  fs::create_directories(folder / "rgb_homo");
  fs::create_directories(folder / "mask_hand");
}

bool is_seen_by(const HandLabel& label, int camera) {
  const double c = std::cos(angle(camera)), s = std::sin(angle(camera));
  bool same = label.K.m[0] == 480.0f + static_cast<float>(camera) && label.K.m[2] == 112 &&
              label.K.m[4] == 481.0f + static_cast<float>(camera) && label.K.m[5] == 110;
  for (int j = 0; j < kJoints; ++j) {
    const auto [x, y, z] = world_joint(j);
    const Vec3f p = label.xyz[static_cast<std::size_t>(j)];
    same &= std::abs(p.x - (c * x + s * z)) < 1e-6 && std::abs(p.y - y) < 1e-6 &&
            std::abs(p.z - (c * z - s * x + 0.6)) < 1e-6;
  }
  return same;
}

}  // namespace

TEST_CASE("HanCo: validated hands, from the world to eight cameras", "[prepare]") {
  const TempFolder folder;
  write_hanco(folder);
  const FrameHands train = read_hanco(folder.path(), "train");
  CHECK(train.listed == 3 * kCameras);
  REQUIRE(train.hands.size() == kCameras);
  for (int i = 0; i < kCameras; ++i) {
    const FrameHand& hand = train.hands[static_cast<std::size_t>(i)];
    INFO(hand.frame);
    // In turns from the two folders of pictures that are there.
    CHECK(hand.frame ==
          fmt::format("{}/0000/cam{}/00000000.jpg", i % 2 == 0 ? "rgb" : "rgb_homo", i));
    CHECK((hand.width == 224 && hand.height == 224 && hand.side == Side::right));
    CHECK(is_seen_by(hand.label, i));
    CHECK_FALSE(is_seen_by(hand.label, (i + 1) % kCameras));  // planted: the next camera's
    CHECK(hand.label.scale == Approx(std::hypot(0.004, 0.003, 0.025)));
  }
  REQUIRE(train.left_out.size() == 2);
  CHECK((train.left_out[0].why == "whose fit nobody validated" &&
         train.left_out[0].count == kCameras));
  CHECK((train.left_out[1].why == "without joints" &&
         train.left_out[1].first == "rgb/0001/cam0/00000000.jpg"));

  // The next moment has each camera before the other background.
  write_bytes(folder / "meta.json",
              json{{"is_train", {{true, true}}}, {"is_valid", {{true, true}}}}.dump());
  const FrameHands both = read_hanco(folder.path(), "train");
  REQUIRE(both.hands.size() == 2 * kCameras);
  CHECK(both.hands[kCameras].frame == "rgb_homo/0000/cam0/00000001.jpg");
  CHECK(both.hands[kCameras + 1].frame == "rgb/0000/cam1/00000001.jpg");
  write_hanco(folder);

  // Only before a green screen are there other backgrounds.
  const FrameHands test = read_hanco(folder.path(), "test");
  CHECK((test.listed == 2 * kCameras && test.hands.size() == kCameras));
  CHECK(test.hands[7].frame == "rgb/0002/cam7/00000000.jpg");
  fs::remove(folder / "calib/0002/00000000.json");
  CHECK(read_hanco(folder.path(), "test").left_out[0].why == "without a calibration");
}

TEST_CASE("HanCo: files that cannot be are refused", "[prepare]") {
  const TempFolder folder;
  const auto fault = [&](const std::string& file, const char* at, const json& value) {
    write_hanco(folder);
    json changed = json::parse(test::read_bytes(folder / file));
    changed[json::json_pointer(at)] = value;
    write_bytes(folder / file, changed.dump());
    return caught([&] { read_hanco(folder.path(), "train"); });
  };
  refused(fault("meta.json", "/is_valid", json::array()), {"meta.json"});
  refused(fault("meta.json", "/is_train/0/1", "yes"), {"meta.json"});
  refused(fault("xyz/0000/00000000.json", "/20", {1, 2}), {"xyz/0000/00000000.json"});
  refused(fault("calib/0000/00000000.json", "/M/7/2", json::array()), {"calib/0000/00000000.json"});
  refused(fault("calib/0000/00000000.json", "/K/0/0/0", nullptr), {"calib/0000/00000000.json"});
  write_hanco(folder);
  write_bytes(folder / "xyz/0000/00000000.json", "[[1");
  refused(caught([&] { read_hanco(folder.path(), "train"); }), {"xyz/0000/00000000.json"});
  fs::remove(folder / "meta.json");
  refused(caught([&] { read_hanco(folder.path(), "train"); }), {"meta.json"});
}

TEST_CASE("HanCo: prepared, its pictures are cut and missing ones named", "[prepare]") {
  const TempFolder folder;
  write_hanco(folder);
  Image picture(224, 224);
  Rng rng = Rng::of(10);
  for (std::uint8_t& byte : picture.pixels) byte = static_cast<std::uint8_t>(rng.uniform(0, 255));
  for (int camera = 0; camera < kCameras - 1; ++camera) {
    const std::string at =
        folder / fmt::format("{}/0000/cam{}", camera % 2 == 0 ? "rgb" : "rgb_homo", camera);
    fs::create_directories(at);
    write_jpeg(at + "/00000000.jpg", picture, 90);
  }
  const ProgramResult made =
      run_peclr({"prepare", "hanco", folder.path().string(), "--out", folder / "set"});
  INFO(described(made));
  CHECK(made.exit_code == 0);
  CHECK(made.says("7 of 24 hands"));
  CHECK(made.says(
      "left out: 1 of frames that are not there, the first rgb_homo/0000/cam7/00000000.jpg"));
  CHECK(made.says("left out: 8 whose fit nobody validated"));
  const ProgramResult verified = run_peclr({"verify", folder / "set"});
  INFO(described(verified));
  CHECK(verified.exit_code == 0);
}
