// SPDX-License-Identifier: Apache-2.0
// Other data sets' lists, made here from hands that are known, and what the trainings then make of
// them.
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "data/image.h"
#include "data/prepare/interhand.h"
#include "data/prepare/youtube.h"
#include "engine/files/safetensors.h"
#include "kernels/random.h"
#include "tests/support/files.h"
#include "tests/support/places.h"
#include "tests/support/program.h"
#include "tests/support/pth_writer.h"
#include "tests/support/refusals.h"

using namespace peclr;
using nlohmann::json;
using test::caught;
using test::described;
using test::ProgramResult;
using test::refused;
using test::run_peclr;
using test::TempFolder;

namespace {

namespace fs = std::filesystem;

constexpr int kManoJoints = 16;

// [16, 778], of which each row is the mean of the vertices 40 j .. 40 j + 3.
std::vector<float> means_of_four() {
  std::vector<float> matrix(kManoJoints * kVertices);
  for (std::size_t j = 0; j < kManoJoints; ++j)
    for (std::size_t v = 0; v < 4; ++v) matrix[j * kVertices + 40 * j + v] = 0.25f;
  return matrix;
}

// As torch.save(tensor) writes it.
std::string lone_tensor(const std::vector<float>& values, std::vector<std::int64_t> shape) {
  test::TensorText text{
      .elements = std::ssize(values), .shape = shape, .strides = test::dense_strides(shape)};
  std::string storage(reinterpret_cast<const char*>(values.data()), 4 * values.size());
  return test::zip(
      {{"mat/data.pkl", test::pickle(test::tensor_text(text))}, {"mat/data/0", storage}});
}

// A mesh whose vertices lie around (x, y).
json mesh(double x, double y, std::uint64_t seed) {
  Rng rng = Rng::of(31, seed);
  json vertices = json::array();
  for (int v = 0; v < kVertices; ++v)
    vertices.push_back({x + double{rng.uniform(-60, 60)}, y + double{rng.uniform(-60, 60)},
                        double{rng.uniform(-5, 5)}});
  return vertices;
}

json youtube_lists() {
  json lists;
  lists["annotations"] = json::array();
  const auto hand = [&](int image, int left, double x, double y) {
    const auto seed = lists["annotations"].size();
    lists["annotations"].push_back({{"vertices", mesh(x, y, seed)},
                                    {"is_left", left},
                                    {"image_id", image},
                                    {"id", 100 + seed}});
  };
  hand(7, 0, 200, 200);
  hand(7, 1, 420, 260);
  hand(5, 0, 300, 240);
  lists["images"] = json::array();
  for (const int id : {5, 7})
    lists["images"].push_back({{"name", fmt::format("youtube/v/video/frames/{}.png", id)},
                               {"width", 640},
                               {"height", 480},
                               {"id", id}});
  return lists;
}

// A folder of YouTube-3D-Hands with frame 7 alone.
void write_youtube(const TempFolder& folder, const json& lists) {
  test::write_bytes(folder / "youtube_train.json", lists.dump());
  test::write_bytes(folder / "mano.pth", lone_tensor(means_of_four(), {kManoJoints, kVertices}));
  fs::create_directories(folder / "youtube/v/video/frames");
  Image frame(640, 480);
  Rng rng = Rng::of(8);
  for (std::uint8_t& byte : frame.pixels) byte = static_cast<std::uint8_t>(rng.uniform(0, 255));
  write_jpeg(folder / "youtube/v/video/frames/7.jpg", frame, 90);
}

}  // namespace

TEST_CASE("YouTube-3D-Hands: joints from meshes, frames by their ids", "[prepare]") {
  const TempFolder folder;
  const json lists = youtube_lists();
  write_youtube(folder, lists);
  const FrameHands read = read_youtube(folder.path(), "train", folder / "mano.pth");
  CHECK((read.listed == 3 && read.hands.size() == 3 && read.left_out.empty()));
  CHECK((read.hands[0].frame == "youtube/v/video/frames/7.png" &&
         read.hands[2].frame == "youtube/v/video/frames/5.png"));
  CHECK((read.hands[0].side == Side::right && read.hands[1].side == Side::left));
  CHECK((read.hands[0].width == 640 && read.hands[0].height == 480));
  // MANO's place of FreiHAND's joints, base to tip: the list of facts that the data set's readers
  // agree on, not the table of the code.
  const std::vector<std::vector<int>> fingers = {
      {13, 14, 15}, {1, 2, 3}, {4, 5, 6}, {10, 11, 12}, {7, 8, 9}};
  const int tips[] = {744, 320, 443, 555, 672};
  const auto near = [&](const HandLabel& label, int joint, const json& vertices, int first,
                        int count) {
    double x = 0, y = 0;
    for (int v = first; v < first + count; ++v)
      x += vertices[std::size_t(v)][0].get<double>() / count,
          y += vertices[std::size_t(v)][1].get<double>() / count;
    const Vec3f p = label.xyz[std::size_t(joint)];
    return std::abs(p.x - x) < 1e-3 && std::abs(p.y - y) < 1e-3 && p.z == 1;
  };
  for (std::size_t i = 0; i < 3; ++i) {
    const HandLabel& label = read.hands[i].label;
    const json& vertices = lists["annotations"][i]["vertices"];
    CHECK(knows_pixels_only(label));
    CHECK(near(label, 0, vertices, 0, 4));
    for (int finger = 0; finger < 5; ++finger) {
      for (int k = 0; k < 3; ++k)
        CHECK(near(label, 1 + 4 * finger + k, vertices,
                   40 * fingers[std::size_t(finger)][std::size_t(k)], 4));
      CHECK(near(label, 4 + 4 * finger, vertices, tips[finger], 1));
    }
    CHECK_FALSE(near(label, 1, vertices, 40, 4));  // planted: the index finger for the thumb
  }
}

TEST_CASE("YouTube-3D-Hands: lists that cannot be are refused", "[prepare]") {
  const TempFolder folder;
  const auto fault = [&](const char* at, const json& value) {
    json lists = youtube_lists();
    lists[json::json_pointer(at)] = value;
    write_youtube(folder, lists);
    return caught([&] { read_youtube(folder.path(), "train", folder / "mano.pth"); });
  };
  refused(fault("/annotations/1/vertices", json::array({json::array({1, 2, 3})})),
          {"entry 1 of \"annotations\"", "1 vertices instead of 778"});
  refused(fault("/annotations/2/vertices/5", "x"), {"entry 2 of \"annotations\""});
  refused(fault("/annotations/0/image_id", 9), {"entry 0 of \"annotations\"", "image 9"});
  refused(fault("/images/1/name", "../../etc/passwd"),
          {"entry 1 of \"images\"", "does not lie in the set's folder"});
  refused(fault("/images/1/name", "/etc/passwd"), {"does not lie in the set's folder"});
  refused(fault("/images/0/width", 0), {"entry 0 of \"images\"", "0 x 480"});
  for (const json& width : {json(1e30), json(640.5), json(std::int64_t{4294967344}), json("640")})
    refused(fault("/images/0/width", width), {"entry 0 of \"images\""});
  refused(fault("/images/0/id", 1e30), {"entry 0 of \"images\""});
  refused(fault("/images/1/id", 5),
          {"youtube_train.json: entry 1 of \"images\": image 5 was listed before"});
  write_youtube(folder, youtube_lists());
  refused(caught([&] { read_youtube(folder.path(), "val", folder / "mano.pth"); }),
          {"youtube_val.json"});
  test::write_bytes(folder / "mano.pth", lone_tensor(std::vector<float>(12), {3, 4}));
  refused(caught([&] { read_youtube(folder.path(), "train", folder / "mano.pth"); }),
          {"mano.pth", "[16, 778]"});
}

TEST_CASE("YouTube-3D-Hands: prepared, it serves pre-training and no more", "[prepare]") {
  const TempFolder folder;
  write_youtube(folder, youtube_lists());
  const std::string out = folder / "hands";
  const ProgramResult made = run_peclr({"prepare", "youtube", folder.path().string(),
                                        "--mano-joints", folder / "mano.pth", "--out", out});
  INFO(described(made));
  REQUIRE(made.exit_code == 0);
  CHECK(made.says("2 of 3 hands"));
  CHECK(made.says(
      "left out: 1 of frames that are not there, the first youtube/v/video/frames/5.png"));

  const std::vector<std::string> small = {"data.train=" + out, "model.depth=18", "model.input=32",
                                          "train.batch_size=2", "train.epochs=1"};
  const auto run = [&](std::vector<std::string> args) {
    args.insert(args.end(), small.begin(), small.end());
    return run_peclr(args);
  };
  const ProgramResult trained =
      run({"pretrain", "train.accumulate=1", "train.warmup_epochs=0", "out=" + (folder / "run")});
  INFO(described(trained));
  CHECK(trained.exit_code == 0);
  CHECK(run({"finetune", "out=" + (folder / "fine")})
            .refuses(3, {out, "only pixels are known", "pre-training"}));

  const test::ProgramOptions no_root{.obeys_modes = true};
  fs::permissions(folder / "youtube/v", fs::perms::none);
  const ProgramResult closed =
      run_peclr({"prepare", "youtube", folder.path().string(), "--mano-joints", folder / "mano.pth",
                 "--out", folder / "closed"},
                no_root);
  fs::permissions(folder / "youtube/v", fs::perms::owner_all);
  INFO(described(closed));
  if (closed.exit_code != 126)
    CHECK(closed.refuses(3, {"3 are of frames that cannot be read, the first ",
                             "frames/7.png: cannot open: Permission denied; give yourself"}));

  const ProgramResult left =
      run_peclr({"prepare", "youtube", folder.path().string(), "--mano-joints", folder / "mano.pth",
                 "--hands", "left", "--out", folder / "left"});
  CHECK((left.exit_code == 0 && left.says("1 of 3 hands") && left.says("2 of the other side")));
  CHECK(run_peclr({"prepare", "youtube", folder.path().string(), "--out", folder / "x"})
            .refuses(2, {"--mano-joints"}));
  CHECK(run_peclr({"prepare", "rhd", folder.path().string(), "--out", folder / "x"})
            .refuses(2, {"'rhd'", "youtube, interhand, ho3d and hanco"}));
  for (const char* layout : {"interhand", "ho3d", "hanco"})
    CHECK(run_peclr({"prepare", layout, folder.path().string(), "--mano-joints",
                     folder / "mano.pth", "--out", folder / "x"})
              .refuses(2, {layout, "--mano-joints is read for youtube alone; leave it out"}));
}

namespace {

// A camera that is turned about y by 30 degrees and stands somewhere, millimetres.
struct WorldCamera {
  double c = std::cos(0.5235987755982988), s = std::sin(0.5235987755982988);
  std::vector<double> position{310, -45, 720};
  json rotation() const { return {{c, 0, s}, {0, 1, 0}, {-s, 0, c}}; }
  // From camera space in metres to the world.
  json world(const Vec3f& p) const {
    const double x = 1000.0 * p.x, y = 1000.0 * p.y, z = 1000.0 * p.z;
    return {c * x - s * z + position[0], y + position[1], s * x + c * z + position[2]};
  }
};

}  // namespace

TEST_CASE("InterHand2.6M: single hands, from the world to the camera", "[prepare]") {
  const TempFolder folder;
  const WorldCamera camera;
  std::vector<Vec3f> truth(42);
  Rng rng = Rng::of(77);
  for (Vec3f& p : truth)
    p = {rng.uniform(-0.1f, 0.1f), rng.uniform(-0.1f, 0.1f), rng.uniform(0.7f, 0.9f)};
  // InterHand's place of FreiHAND's joint j of the right hand.
  const auto place = [](int j) { return j == 0 ? 20 : 4 * ((j - 1) / 4) + 3 - (j - 1) % 4; };
  json world = json::array(), valid = json::array(), invalid;
  for (const Vec3f& p : truth) world.push_back(camera.world(p)), valid.push_back({1});
  invalid = valid;
  invalid[23] = {0};  // of the left hand
  json data, joints, cameras;
  const auto frame = [&](int id, const char* type, const json& validity) {
    data["images"].push_back({{"id", id},
                              {"file_name", fmt::format("c/{}.jpg", id)},
                              {"width", 512},
                              {"height", 334},
                              {"capture", 3},
                              {"camera", "400026"},
                              {"frame_idx", id}});
    data["annotations"].push_back(
        {{"image_id", id}, {"hand_type", type}, {"hand_type_valid", id != 15}});
    joints["3"][std::to_string(id)] = {{"world_coord", world}, {"joint_valid", validity}};
  };
  frame(11, "right", invalid);
  frame(12, "left", valid);
  frame(13, "interacting", valid);
  frame(14, "left", invalid);
  frame(15, "left", valid);
  cameras["3"] = {{"campos", {{"400026", camera.position}}},
                  {"camrot", {{"400026", camera.rotation()}}},
                  {"focal", {{"400026", {1261.5, 1270.25}}}},
                  {"princpt", {{"400026", {155.5, 258.25}}}}};
  const auto write = [&] {
    const std::string at = folder / "annotations/train/";
    fs::create_directories(at);
    test::write_bytes(at + "InterHand2.6M_train_data.json", data.dump());
    test::write_bytes(at + "InterHand2.6M_train_joint_3d.json", joints.dump());
    test::write_bytes(at + "InterHand2.6M_train_camera.json", cameras.dump());
  };
  write();
  const FrameHands read = read_interhand(folder.path(), "train");
  CHECK(read.listed == 5);
  REQUIRE(read.hands.size() == 2);
  REQUIRE(read.left_out.size() == 3);
  CHECK((read.left_out[0].first == "images/train/c/13.jpg" &&
         read.left_out[1].first == "images/train/c/14.jpg"));
  for (const std::size_t hand : {std::size_t{0}, std::size_t{1}}) {
    const FrameHand& h = read.hands[hand];
    CHECK(h.side == (hand == 0 ? Side::right : Side::left));
    CHECK(h.frame == (hand == 0 ? "images/train/c/11.jpg" : "images/train/c/12.jpg"));
    CHECK((h.label.K.m[0] == 1261.5f && h.label.K.m[4] == 1270.25f && h.label.K.m[2] == 155.5f &&
           h.label.K.m[5] == 258.25f));
    const auto wanted = [&](int j) { return truth[std::size_t(place(j)) + 21 * hand]; };
    for (int j = 0; j < kJoints; ++j) {
      const Vec3f p = h.label.xyz[std::size_t(j)], t = wanted(j);
      CHECK(std::hypot(p.x - t.x, p.y - t.y, p.z - t.z) < 1e-6f);
    }
    const Vec3f a = wanted(9), b = wanted(10);
    CHECK(h.label.scale == Approx(std::hypot(a.x - b.x, a.y - b.y, a.z - b.z)));
  }

  cameras["3"]["campos"].erase("400026");
  write();
  refused(caught([&] { read_interhand(folder.path(), "train"); }), {"_camera.json", "'400026'"});
  cameras["3"]["campos"]["400026"] = camera.position;
  joints["3"].erase("12");
  write();
  refused(caught([&] { read_interhand(folder.path(), "train"); }),
          {"_joint_3d.json", "capture 3 has no frame 12", "c/12.jpg"});
  data["images"][4]["id"] = 11;
  write();
  refused(caught([&] { read_interhand(folder.path(), "train"); }),
          {"_data.json: entry 4 of \"images\": image 11 was listed before"});
  data["images"][4]["id"] = 15;
  data["annotations"][0]["image_id"] = 99;
  write();
  refused(caught([&] { read_interhand(folder.path(), "train"); }), {"_data.json", "image 99"});
}

TEST_CASE("InterHand2.6M: the joints of real frames lie in their boxes", "[prepare]") {
  const fs::path sample = test::in_shared("data/other_layouts/interhand2.6m");
  if (sample.empty()) return;
  const TempFolder folder;
  fs::create_directories(folder / "annotations/test");
  fs::create_directories(folder / "images");
  fs::create_directory_symlink(sample, folder / "images/test");
  for (const std::string part : {"data", "camera", "joint_3d"})
    fs::create_symlink(sample / ("test_interhand2.6m_" + part + ".json"),
                       folder / ("annotations/test/InterHand2.6M_test_" + part + ".json"));
  const FrameHands read = read_interhand(folder.path(), "test");
  REQUIRE(read.hands.size() == 2);
  REQUIRE((read.left_out.size() == 1 && read.left_out[0].count == 2));
  const json data =
      json::parse(test::read_bytes(folder / "annotations/test/InterHand2.6M_test_data.json"));
  for (const FrameHand& hand : read.hands) {
    json box;
    for (std::size_t i = 0; i < data["images"].size(); ++i)
      if ("images/test/" + data["images"][i]["file_name"].get<std::string>() == hand.frame)
        box = data["annotations"][i]["bbox"];
    INFO(hand.frame << " " << box.dump());
    REQUIRE(box.size() == 4);
    double left = 1e9, right = -1e9;
    for (const Vec3f& p : hand.label.xyz) {
      const Vec2f px = project(hand.label.K, p);
      left = std::min(left, double{px.x}), right = std::max(right, double{px.x});
      CHECK((px.x >= box[0].get<double>() && px.x <= box[0].get<double>() + box[2].get<double>()));
      CHECK((px.y >= box[1].get<double>() && px.y <= box[1].get<double>() + box[3].get<double>()));
    }
    CHECK(right - left > 0.4 * box[2].get<double>());               // and fill them
    CHECK((hand.label.scale > 0.03f && hand.label.scale < 0.06f));  // of people's middle fingers
  }
}
