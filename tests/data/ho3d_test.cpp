// SPDX-License-Identifier: Apache-2.0
// HO-3D's layout, with annotations that numpy and Python's pickle wrote (tests/ho3d/make.py).
#include <catch2/catch.hpp>
#include <cmath>
#include <nlohmann/json.hpp>
#include <span>

#include "data/image.h"
#include "data/prepare/ho3d.h"
#include "data/prepare/numpy_array.h"
#include "kernels/random.h"
#include "tests/support/files.h"
#include "tests/support/places.h"
#include "tests/support/program.h"
#include "tests/support/refusals.h"

using namespace peclr;
using nlohmann::json;
using test::Caught;
using test::caught;
using test::described;
using test::in_project;
using test::ProgramResult;
using test::read_bytes;
using test::refused;
using test::run_peclr;
using test::TempFolder;
using test::write_bytes;

namespace {

namespace fs = std::filesystem;

// Each of the ways in which Python 2 and 3 write one annotation.
const char* const kForms[] = {"python2_0", "python2_1", "python2_2", "python3_0",
                              "python3_2", "python3_3", "python3_4"};

std::string form(const std::string& name) {
  return read_bytes(in_project("tests/ho3d/" + name + ".pkl"));
}

// What make.py put there, joint j of MANO's.
std::array<double, 3> mano_joint(int j) { return {0.01 * j, 0.05 - 0.02 * j, -0.6 - 0.001 * j}; }

// MANO's place of FreiHAND's joints: fingers' bases in MANO's order of fingers, tips at the end.
int place(int joint) {
  const int first[] = {13, 1, 4, 10, 7};
  if (joint == 0) return 0;
  const int finger = (joint - 1) / 4, along = (joint - 1) % 4;
  return along == 3 ? 16 + finger : first[finger] + along;
}

bool is_hand(const HandLabel& label) {
  bool same = true;
  for (int j = 0; j < kJoints; ++j) {
    const auto [x, y, z] = mano_joint(place(j));
    const Vec3f p = label.xyz[static_cast<std::size_t>(j)];
    same &= std::abs(p.x - x) < 1e-6 && std::abs(p.y + y) < 1e-6 && std::abs(p.z + z) < 1e-6;
  }
  const float wanted[] = {614.5f, 0, 320.25f, 0, 615.5f, 240.75f, 0, 0, 1};
  return same && std::equal(wanted, wanted + 9, label.K.m);
}

// A folder of HO-3D with one sequence, whose frame i has annotation i.
void write_ho3d(const TempFolder& folder, const std::string& part,
                const std::vector<std::string>& annotations) {
  fs::create_directories(folder / (part + "/AB1/meta"));
  fs::create_directories(folder / (part + "/AB1/rgb"));
  std::string list;
  for (std::size_t i = 0; i < annotations.size(); ++i) {
    const std::string name = fmt::format("{:04}", i);
    list += "AB1/" + name + "\n";
    write_bytes(folder / (part + "/AB1/meta/" + name + ".pkl"), annotations[i]);
  }
  write_bytes(folder / (part + ".txt"), list);
}

}  // namespace

TEST_CASE("HO-3D: joints in every form of a pickle", "[prepare]") {
  const TempFolder folder;
  std::vector<std::string> annotations;
  for (const char* name : kForms) annotations.push_back(form(name));
  annotations.push_back(form("missing"));
  annotations.push_back("");
  write_ho3d(folder, "train", annotations);
  fs::remove(folder / "train/AB1/meta/0008.pkl");
  const FrameHands read = read_ho3d(folder.path(), "train");
  CHECK(read.listed == 9);
  REQUIRE(read.hands.size() == 7);
  for (const FrameHand& hand : read.hands) {
    INFO(hand.frame);
    CHECK(is_hand(hand.label));
    CHECK((hand.width == 640 && hand.height == 480 && hand.side == Side::right));
    CHECK(hand.label.scale == Approx(std::hypot(0.01, 0.02, 0.001)));
  }
  CHECK(read.hands[1].frame == "train/AB1/rgb/0001.png");
  REQUIRE(read.left_out.size() == 2);
  CHECK((read.left_out[0].why == "that nobody annotated" &&
         read.left_out[0].first == "train/AB1/rgb/0007.png"));
  CHECK((read.left_out[1].why == "without an annotation" &&
         read.left_out[1].first == "train/AB1/meta/0008.pkl"));
  // Planted: two joints that change places.
  HandLabel wrong = read.hands[0].label;
  std::swap(wrong.xyz[8], wrong.xyz[12]);
  CHECK_FALSE(is_hand(wrong));
}

TEST_CASE("HO-3D: arrays of f32", "[prepare]") {
  for (const char* name : kForms) {
    INFO(name);
    const std::string bytes = form(name);
    const Pickle pickle = read_pickle(std::as_bytes(std::span(bytes)), name, makes_numpy_array);
    const PickleValue* value = pickle.root->at("handPose");
    REQUIRE(value);
    const std::optional<NumpyArray> pose = numpy_array(*value);
    REQUIRE((pose && pose->shape == std::vector<std::int64_t>{48} && pose->values.size() == 48));
    for (int i = 0; i < 48; ++i)
      CHECK(pose->values[std::size_t(i)] == Approx(-1 + 2 * i / 47.).margin(1e-7));
    CHECK_FALSE(numpy_array(*pickle.root->at("handVertContact")));  // of truths
    CHECK_FALSE(numpy_array(*pickle.root->at("objName")));
    CHECK_FALSE(numpy_array(*pickle.root->at("error")));  // a number
  }
}

TEST_CASE("HO-3D: the evaluation's joints come from its own file", "[prepare]") {
  const TempFolder folder;
  write_ho3d(folder, "evaluation", {form("python2_2"), form("python3_4")});
  json hand = json::array();
  for (int j = 0; j < kJoints; ++j) hand.push_back(mano_joint(j));
  const auto read = [&] { return read_ho3d(folder.path(), "test"); };
  refused(caught(read), {"evaluation_xyz.json"});
  write_bytes(folder / "evaluation_xyz.json", json{hand}.dump());
  refused(caught(read), {"evaluation_xyz.json", "1 hands for 2 frames"});
  json other = hand;
  other[0] = {1, 1, -1};
  write_bytes(folder / "evaluation_xyz.json", json{hand, other}.dump());
  const FrameHands hands = read();
  REQUIRE(hands.hands.size() == 2);
  CHECK(hands.hands[0].frame == "evaluation/AB1/rgb/0000.png");
  CHECK(is_hand(hands.hands[0].label));
  CHECK_FALSE(is_hand(hands.hands[1].label));
  other.erase(20);
  write_bytes(folder / "evaluation_xyz.json", json{hand, other}.dump());
  refused(caught(read), {"evaluation_xyz.json", "20"});
}

TEST_CASE("HO-3D: lists and annotations that cannot be are refused", "[prepare]") {
  const TempFolder folder;
  const auto fault = [&](const std::string& annotation) {
    write_ho3d(folder, "train", {annotation});
    return caught([&] { read_ho3d(folder.path(), "train"); });
  };
  const auto changed = [](std::string text, std::string_view from, std::string_view to) {
    const std::size_t at = text.find(from);
    REQUIRE(at != std::string::npos);
    return text.replace(at, from.size(), to);
  };
  const std::string good = form("python2_0");
  refused(fault(""), {"0000.pkl", "cut off"});
  refused(fault(changed(good, "I21\n", "I20\n")), {"0000.pkl", "handJoints3D", "[21, 3]"});
  refused(fault(changed(good, "I21\nI3\n", "I3\nI21\n")), {"handJoints3D", "[21, 3]"});
  refused(fault(changed(good, "I21\n", "I99999999999999999999\n")), {"handJoints3D"});
  refused(fault(changed(good, "S'<'", "S'>'")), {"is no array"});
  refused(fault(changed(good, "S'f8'", "S'i8'")), {"is no array"});
  refused(fault(changed(good, "camMat", "camRat")), {"camMat"});
  refused(fault(changed(good, "cnumpy\ndtype", "cposix\nsystem")), {"posix.system", "not run"});
  refused(fault(changed(good, "S'handJoints3D'", "S'handJoints3D")), {"damaged"});
  refused(fault(changed(good, "I21\n", "I2x\n")), {"damaged"});
  refused(fault("N."), {"camMat"});
  const auto lists = [&](std::string_view text) {
    write_ho3d(folder, "train", {good});
    write_bytes(folder / "train.txt", text);
    return caught([&] { read_ho3d(folder.path(), "train"); });
  };
  CHECK(lists("AB1/0000\r\n\n").kind == 0);
  refused(lists("AB1/0000\nAB1\n"), {"train.txt", "line 2", "'AB1'"});
  refused(lists("../AB1\n"), {"line 1", "does not lie in the set's folder"});
  refused(lists("/etc/passwd\n"), {"line 1"});
  refused(lists("AB1/meta/0000\n"), {"line 1", "SEQUENCE/NUMBER"});
  refused(lists("AB1/\n"), {"line 1", "SEQUENCE/NUMBER"});
  fs::remove(folder / "train.txt");
  refused(caught([&] { read_ho3d(folder.path(), "train"); }), {"train.txt"});
}

TEST_CASE("HO-3D: no cut and no changed byte of an annotation does harm", "[prepare]") {
  for (const char* name : kForms) {
    const std::string good = form(name);
    // In memory of exactly this size, so that a sanitizer sees a step beyond it.
    const auto read = [&](const std::string& bytes) {
      const std::vector<char> exact(bytes.begin(), bytes.end());
      const Caught error = caught([&] {
        const Pickle pickle =
            read_pickle(std::as_bytes(std::span(exact)), "bad.pkl", makes_numpy_array);
        for (const char* key : {"handJoints3D", "camMat", "handPose"})
          if (const PickleValue* value = pickle.root->at(key)) numpy_array(*value);
      });
      REQUIRE((error.kind == 0 || (error.one_line() && error.names("bad.pkl: "))));
      return error.kind;
    };
    REQUIRE(read(good) == 0);
    for (std::size_t bytes = 0; bytes < good.size(); ++bytes)
      REQUIRE(read(good.substr(0, bytes)) != 0);
    for (std::size_t at = 0; at < good.size(); ++at)
      for (const char change : {'\1', '\x80', '\xff'}) {
        std::string bad = good;
        bad[at] = static_cast<char>(bad[at] ^ change);
        read(bad);
      }
  }
}

TEST_CASE("HO-3D: prepared, it is fine-tuned on and scored", "[prepare]") {
  const TempFolder folder;
  Image frame(640, 480);
  Rng rng = Rng::of(9);
  for (std::uint8_t& byte : frame.pixels) byte = static_cast<std::uint8_t>(rng.uniform(0, 255));
  for (const std::string part : {"train", "evaluation"}) {
    write_ho3d(folder, part, {form("python2_2"), form("python3_3")});
    for (const char* name : {"0000.png", "0001.png"})  // version 3 has .jpg
      write_jpeg(fs::path(folder / (part + "/AB1/rgb/" + name)).replace_extension(".jpg"), frame,
                 90);
  }
  json hand = json::array();
  for (int j = 0; j < kJoints; ++j) hand.push_back(mano_joint(j));
  write_bytes(folder / "evaluation_xyz.json", json{hand, hand}.dump());
  const std::string out = folder / "set";
  for (const char* split : {"train", "test"}) {
    const ProgramResult made =
        run_peclr({"prepare", "ho3d", folder.path().string(), "--split", split, "--out", out});
    INFO(described(made));
    CHECK((made.exit_code == 0 && made.says("2 of 2 hands")));
  }
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"finetune", "data.train=" + out, "model.depth=18",
                                 "model.input=32", "train.batch_size=2", "train.epochs=1"},
        {"evaluate", "data.eval=" + out}}) {
    std::vector<std::string> args = command;
    args.push_back("out=" + (folder / "run"));
    const ProgramResult result = run_peclr(args);
    INFO(described(result));
    CHECK(result.exit_code == 0);
  }
  CHECK(run_peclr({"prepare", "ho3d", folder.path().string(), "--split", "val", "--out", out})
            .refuses(2, {"ho3d", "no val"}));
}
