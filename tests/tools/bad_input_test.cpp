// SPDX-License-Identifier: Apache-2.0
// What goes wrong for people: each fault gets one clear line that names the file and the place, the
// documented exit code, and costs nothing that was there before.
#include <algorithm>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <span>

#include "data/image.h"
#include "engine/files/safetensors.h"
#include "tests/support/places.h"
#include "tests/support/refusals.h"

namespace peclr {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using namespace test;

// An honest JPEG that claims another size in its frame (SOF0: marker, length, precision, height,
// width).
std::string jpeg_of_size(int width, int height) {
  std::string bytes = jpeg();
  const std::size_t frame = bytes.find("\xFF\xC0");
  for (const auto& [at, side] : {std::pair{frame + 5, height}, {frame + 7, width}}) {
    bytes[at] = static_cast<char>(side >> 8);
    bytes[at + 1] = static_cast<char>(side & 255);
  }
  return bytes;
}

TEST_CASE("bad input: pictures that cannot be read") {
  const TempFolder folder;
  const std::string set = pictures(folder, "set", 8), bad = set + "/104x.jpg";
  const auto stops = [&](const std::string& fault) {
    refused(pretrain(set, folder / "out"), kData,
            {"1 of 9 pictures", "data.max_bad = 0.01", bad, fault});
    CHECK_FALSE(fs::exists(folder / "out/last.safetensors"));
    fs::remove(bad);
  };
  write_bytes(bad, jpeg().substr(0, jpeg().size() / 2));
  stops("truncated or damaged JPEG");
  write_bytes(bad, "this is no picture\n");
  stops("not a picture");
  write_bytes(bad, "");
  stops("empty");
  write_bytes(bad, jpeg_of_size(30000, 30000));
  stops("30000 x 30000 pixels is too large");
  fs::create_symlink(folder / "gone.jpg", bad);  // missing, though the folder lists it
  stops("No such file");
}

TEST_CASE("bad input: a bad picture among many is skipped, counted and named") {
  const TempFolder folder;
  const std::string set = pictures(folder, "set", 8), model = folder / "out/model.safetensors";
  write_bytes(set + "/104x.jpg", jpeg().substr(0, 300));
  const auto skipped = [&](const ProgramResult& result) {
    INFO(described(result));
    CHECK(result.exit_code == 0);
    CHECK(result.says("1 of 9 pictures could not be read and were skipped:\n  " + set +
                      "/104x.jpg: truncated or damaged JPEG"));
    CHECK(result.err.ends_with("\n"));
  };
  skipped(run_peclr(pretrain(set, folder / "out") + Args{"data.max_bad=0.2"}));
  CHECK(fs::exists(model));

  const std::string hands = hand_network(folder);
  const Args predict{"predict",   "--init-from",           hands,    "data.eval=" + set,
                     "threads=1", "out=" + (folder / "p"), "--draw", "1"};
  skipped(run_peclr(predict + Args{"data.max_bad=0.2"}));
  const json predictions = json::parse(read_bytes(folder / "p/predictions.json"));
  CHECK(predictions.size() == 8);
  refused(predict, kData, {"1 of 9 pictures", "104x.jpg"});
  refused({"evaluate", "--init-from", hands, "data.eval=" + set, "out=" + (folder / "p")}, kData,
          {set, "evaluation_xyz.json"});
}

TEST_CASE("bad input: a line of pixels is drawn on and reported without becoming a sheet") {
  const TempFolder folder;
  fs::create_directories(folder / "set");
  write_png(folder / "set/thin.png", Image(16384, 2));
  const std::string out = folder / "p";
  const ProgramResult drawn =
      run_peclr({"predict", "--init-from", hand_network(folder), "data.eval=" + (folder / "set"),
                 "threads=1", "out=" + out, "--draw", "1"});
  INFO(described(drawn));
  REQUIRE(drawn.exit_code == 0);
  const Image picture = read_image(out + "/skeletons/thin.png.png");
  CHECK((picture.width == 16384 && picture.height == 2));
  CHECK(run_peclr({"report", out, "--out", folder / "report.html"}).exit_code == 0);
}

TEST_CASE("bad input: folders that are missing, empty, or not what is needed") {
  const TempFolder folder;
  const std::string set = pictures(folder, "set", 3), out = folder / "out";
  fs::create_directories(folder / "empty/inside");
  write_bytes(folder / "empty/notes.txt", "nothing");
  write_bytes(folder / "file", "nothing");
  refused(pretrain(folder / "none", out), kData, {folder / "none", "no such folder"});
  refused(pretrain(folder / "empty", out), kData, {folder / "empty", "holds no pictures"});
  refused(pretrain(folder / "file", out), kData, {folder / "file", "not a folder"});
  refused(pretrain(set, out) + Args{"train.batch_size=4"}, kData, {"3 pictures", "batch_size"});
  refused(pretrain(pictures(folder, "one", 1), out) + Args{"train.batch_size=2"}, kData,
          {"data.train has 1 of the 2 pictures", "give more"});
  Args finetune = pretrain(set, out);
  finetune[0] = "finetune";
  refused(finetune, kData, {set, "training_xyz.json"});
  for (const char* command : {"evaluate", "predict"})
    refused({command, "out=" + out, "data.eval=" + set}, kUsage, {"--init-from"});
}

// Writes a FreiHAND-like set, damages it, and puts it right again.
struct LabelledSet {
  TempFolder folder;
  std::string set = folder / "hands";

  LabelledSet() { REQUIRE(run_peclr({"synth", "--out", set, "--count", "4"}).exit_code == 0); }
  std::string file(const char* name) const { return set + "/" + name; }
  Args finetune() const {
    Args args = pretrain(set, folder / "out");
    args[0] = "finetune";
    return args;
  }
  // `change` gets the parsed file, and gives the text to put in its place.
  template <class Change>
  void refuses(const char* name, Change change, const Parts& parts) const {
    const std::string good = read_bytes(file(name));
    json parsed = json::parse(good);
    write_bytes(file(name), change(parsed));
    refused(finetune(), kData, parts + Parts{file(name)});
    write_bytes(file(name), good);
  }
};

TEST_CASE("bad input: labels that are cut, unequal, not numbers, or behind the camera") {
  const LabelledSet hands;
  const char *xyz = "training_xyz.json", *K = "training_K.json", *scale = "training_scale.json";
  for (const char* name : {xyz, K, scale}) {
    const std::string text = read_bytes(hands.file(name));
    hands.refuses(name, [&](json&) { return text.substr(0, text.size() / 2); }, {"cut"});
    hands.refuses(name, [&](json&) { return std::string(); }, {});
    hands.refuses(name, [&](json&) { return "{\"a\": 1}"; }, {});
  }
  const auto shorter = [](json& labels) {
    labels.erase(3);
    return labels.dump();
  };
  hands.refuses(xyz, shorter, {"3 entries", "training_K.json holds 4"});
  hands.refuses(scale, shorter, {"3 entries", "training_K.json holds 4"});
  const auto with_joint = [](const std::string& number) {
    return [number](json& labels) {
      labels[2][7][2] = 123.5;
      std::string text = labels.dump();
      return text.replace(text.find("123.5"), 5, number);
    };
  };
  for (const char* number : {"NaN", "null", "Infinity", "1e999", "\"0.5\"", "[1]"})
    hands.refuses(xyz, with_joint(number), {});
  hands.refuses(xyz, with_joint("NaN"), {"NaN"});
  hands.refuses(xyz, with_joint("-0.4"), {"joint 7 of entry 2", "in front of the camera"});
  hands.refuses(scale,
                [](json& labels) {
                  labels[1] = 0;
                  return labels.dump();
                },
                {"entry 1 is 0"});

  fs::remove(hands.file("training/rgb/00000001.jpg"));
  refused(hands.finetune(), kData, {hands.set, "picture 1 is missing"});
  fs::remove_all(hands.file("training/rgb"));
  refused(hands.finetune(), kData, {hands.file("training/rgb"), "no such folder"});
}

// The file with all values of one tensor replaced, checksum and all.
void rewrite(const std::string& path, const std::string& tensor, float value) {
  const TensorFile file(path);
  std::vector<StoredTensor> tensors(file.tensors().begin(), file.tensors().end());
  const std::vector<float> values(static_cast<std::size_t>(file.at(tensor).count()), value);
  for (StoredTensor& t : tensors)
    if (t.name == tensor) t.bytes = std::as_bytes(std::span<const float>(values));
  write_safetensors(path, tensors, file.metadata());
}

TEST_CASE("bad input: weights of a pre-training are asked for joints") {
  const StoppedRun run;
  refused({"predict", "--init-from", run.last, "data.eval=" + run.set, "out=" + (run.folder / "p")},
          kData, {run.last, "no weights of a hand network's head", "peclr finetune"});
  CHECK_FALSE(fs::exists(run.folder / "p"));
}

TEST_CASE("bad input: weights and checkpoints that are not what they should be") {
  const StoppedRun run;
  const std::string good = read_bytes(run.last), other = run.folder / "other.safetensors";
  const Args from_other = pretrain(run.set, run.folder / "new") + Args{"--init-from", other};
  const Args predict{"predict", "--init-from", other, "data.eval=" + run.set,
                     "out=" + (run.folder / "p")};
  const auto everywhere = [&](const std::string& bytes, const Parts& parts) {
    write_bytes(other, bytes);
    refused(from_other, kData, parts + Parts{other});
    refused(predict, kData, parts + Parts{other});
    write_bytes(run.last, bytes);
    const auto before = content(run.out);
    refused(run.resume, kData, {run.last});
    CHECK(content(run.out) == before);
  };
  everywhere(good.substr(0, good.size() - 4096), {"cut"});
  everywhere(good.substr(0, 100), {});
  everywhere("", {});
  everywhere("PK\x03\x04 no zip, and no safetensors", {});
  std::string flipped = good;
  flipped[flipped.size() / 2] ^= 1;
  everywhere(flipped, {"checksum"});
  everywhere(read_bytes(in_project("tests/golden/metrics.safetensors")), {});

  write_bytes(other, good);
  refused(from_other + Args{"model.depth=34"}, kData, {other, "ResNet-18", "set model.depth=18"});
  refused(predict + Args{"model.depth=50"}, kData, {other, "ResNet-18", "set model.depth=18"});
  fs::remove(other);
  refused(from_other, kData, {other, "No such file"});
}

TEST_CASE("bad input: an out that cannot be written") {
  const TempFolder folder;
  const std::string set = pictures(folder, "set", 3);
  write_bytes(folder / "file", "mine");
  Parts outs{folder / "file", folder / "file/inside"};
  if (fs::is_directory("/proc/self")) outs.push_back("/proc/peclr");
  fs::create_directory(folder / "closed");
  fs::permissions(folder / "closed", fs::perms::owner_read | fs::perms::owner_exec);
  const ProgramOptions no_root{.obeys_modes = true};
  if (run_peclr({"info"}, no_root).exit_code == 126) {
    WARN("skipped: root cannot drop its rights here");
  } else {
    outs.push_back(folder / "closed");
    outs.push_back(folder / "closed/inside");
    // Found before the run, and not by its first file.
    const std::string unread = folder / "unread";
    fs::create_directory(unread);
    fs::permissions(unread, fs::perms::owner_write | fs::perms::owner_exec);
    refused(pretrain(set, unread), kFailure,
            {unread + ": cannot read the folder", "chmod u+r", "choose another"}, no_root);
    CHECK(fs::is_empty(unread));
  }
  for (const std::string& out : outs) {
    refused(pretrain(set, out), kFailure, {out, "choose another"}, no_root);
    refused({"synth", "--out", out, "--count", "1"}, kFailure, {out, "choose another"}, no_root);
  }
  CHECK(read_bytes(folder / "file") == "mine");
}

TEST_CASE("bad input: a disk that fills loses nothing") {
  const StoppedRun run;
  const auto before = content(run.out);
  const ProgramOptions full{.file_bytes = 200'000};  // a checkpoint needs hundreds of times that
  refused(run.resume, kFailure, {run.last, "cannot write", "File too large", "ulimit -f"}, full);
  CHECK(content(run.out).at(run.last) == before.at(run.last));
  CHECK_FALSE(fs::exists(run.last + ".tmp"));
  const ProgramResult resumed = run_peclr(run.resume);
  INFO(described(resumed));
  CHECK(resumed.exit_code == 0);

  const std::string predictions = run.folder / "p/predictions.json";
  const Args predict{"predict",
                     "--init-from",
                     hand_network(run.folder),
                     "data.eval=" + run.set,
                     "threads=1",
                     "out=" + (run.folder / "p"),
                     "--draw",
                     "0"};
  REQUIRE(run_peclr(predict).exit_code == 0);
  const std::string whole = read_bytes(predictions);
  refused(predict, kFailure, {predictions, "File too large"}, {.file_bytes = 100});
  CHECK(read_bytes(predictions) == whole);
  refused({"synth", "--out", run.folder / "hands", "--count", "1"}, kFailure,
          {"hands/", "File too large"}, {.file_bytes = 100});
  CHECK_FALSE(fs::exists(run.folder / "hands/training_K.json"));
}

TEST_CASE("bad input: a disk that fills behind stdout is noticed") {
  const TempFolder folder;
  const std::string set = pictures(folder, "set", 3);
  for (const Args& args : {Args{"verify", set}, Args{"info"}, Args{"--help"}, Args{"--version"}}) {
    const ProgramResult whole = run_peclr(args);
    REQUIRE((whole.exit_code == 0 && !whole.out.empty()));
    refused(args, kFailure, {"stdout: "}, {.stdout_to = "/dev/full"});
  }
  refused({"info"}, kFailure, {"stdout: cannot write: No space left on device"},
          {.stdout_to = "/dev/full"});
}

TEST_CASE("bad input: a loss that is not a number stops the run at its step") {
  const StoppedRun run;
  rewrite(run.last, "projection_head.3.weight", 1e38f);
  const auto before = content(run.out);
  const std::string metrics = read_bytes(run.metrics);
  const auto next = std::count(metrics.begin(), metrics.end(), '\n') + 1;
  refused(run.resume, kDivergence,
          {"step " + std::to_string(next) + ":", "not a number", "train.lr"});
  CHECK(content(run.out) == before);
  // From the start: nothing is saved.
  refused(pretrain(run.set, run.folder / "new") + Args{"--init-from", run.last}, kDivergence,
          {"step 1:", "not a number"});
  CHECK_FALSE(fs::exists(run.folder / "new/last.safetensors"));
}

}  // namespace
}  // namespace peclr
