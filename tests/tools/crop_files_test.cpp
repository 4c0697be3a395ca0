// SPDX-License-Identifier: Apache-2.0
// What a fine-tuned network's file says of the squares that it learned from, and what becomes of it
// in evaluate, and in a fine-tuning that goes on from it.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "data/freihand.h"
#include "engine/files/safetensors.h"
#include "kernels/joints.h"
#include "kernels/vec.h"
#include "tests/support/refusals.h"
#include "tests/support/small_runs.h"
#include "tools/run/model_files.h"

namespace peclr {
namespace {

using namespace test;
using Crop = Settings::Crop;

TEST_CASE("crop: a fine-tuned network's file says what lay outside of pictures", "[crop]") {
  const SmallRuns runs(10);
  using Border = Settings::Border;
  const auto border_of = [&](const std::string& file, const Args& more = {}) {
    Args args = more;
    args.push_back("init_from=" + file);
    return settings_for_model(Command::evaluate, args).augment.border;
  };
  const auto trained = [&](const char* run, const Args& more) {
    const ProgramResult result =
        run_peclr(runs.start("finetune", run, Args{"train.epochs=1", "train.batch_size=5"} + more));
    INFO(described(result));
    REQUIRE(result.exit_code == 0);
    return runs.file(run, "model.safetensors");
  };
  const std::string model = trained("reflect", {"augment.border=reflect"});
  CHECK(border_of(model) == Border::reflect);
  CHECK(border_of(model, {"augment.border=black"}) == Border::black);
  CHECK(border_of(trained("black", {})) == Border::black);
  // paper_exact knows only black.
  CHECK(border_of(trained("exact", {"augment.border=reflect", "paper_exact=true"})) ==
        Border::black);
  const TensorFile file(model);
  Metadata metadata = file.metadata();
  CHECK(metadata.erase("peclr.border") == 1);
  const std::string older = runs.folder / "older.safetensors";
  write_safetensors(older, file.tensors(), metadata);
  CHECK(border_of(older) == Border::black);
}

TEST_CASE("crop: a fine-tuned network's file says what it saw", "[crop]") {
  const SmallRuns runs(10);
  const std::string model = runs.file("run", "model.safetensors");
  const ProgramResult trained = run_peclr(
      runs.start("finetune", "run", {"data.crop=hand", "train.epochs=1", "train.batch_size=5"}));
  INFO(described(trained));
  REQUIRE(trained.exit_code == 0);
  const auto crop_for = [&](const std::string& file, const Args& more = {}) {
    Args args = more;
    args.push_back("init_from=" + file);
    return settings_for_model(Command::evaluate, args).data.crop;
  };
  CHECK(crop_for(model) == Crop::hand);
  CHECK(crop_for(model, {"data.crop=picture"}) == Crop::picture);

  // A file of ours from before there was a choice; and the released ones, which say nothing at all.
  const TensorFile file(model);
  const auto with = [&](Metadata metadata, std::span<const StoredTensor> tensors) {
    write_safetensors(runs.folder / "other.safetensors", tensors, metadata);
    return crop_for(runs.folder / "other.safetensors");
  };
  Metadata metadata = file.metadata();
  CHECK(metadata.erase("peclr.crop") == 1);
  CHECK(with(metadata, file.tensors()) == Crop::picture);
  std::vector<StoredTensor> released(file.tensors().begin(), file.tensors().end());
  for (StoredTensor& t : released)
    if (t.name.starts_with("zroot_ref.")) t.name = "zroot_ref." + t.name;  // as their code has it
  CHECK(with({}, released) == Crop::box);
  // The planted fault: an encoder alone was never fine-tuned.
  std::vector<StoredTensor> encoder;
  for (const StoredTensor& t : file.tensors())
    if (!t.name.starts_with("zroot_ref.")) encoder.push_back(t);
  REQUIRE(encoder.size() < file.tensors().size());
  CHECK(with({}, encoder) == Crop::picture);

  const auto scores = [&](const Args& more) {
    const ProgramResult result =
        run_peclr(Args{"evaluate", "out=" + runs.out("run"), "data.eval=" + (runs.folder / "hands"),
                       "threads=1"} +
                  more);
    INFO(described(result));
    CHECK(result.exit_code == 0);
    return result.out;
  };
  const std::string as_trained = scores({});
  const auto stored = nlohmann::json::parse(read_bytes(runs.file("run", "scores.json")));
  CHECK(stored.at("data.crop") == "hand");
  CHECK(stored.at("data.first_crop") == "0.7");
  CHECK(stored.at("data.side") == "right");
  CHECK(stored.at("augment.border") == "black");
  CHECK(stored.at("precision") == "f32");
  CHECK(as_trained == scores({"data.crop=hand", "data.first_crop=0.7"}));
  CHECK(as_trained != scores({"data.crop=picture"}));
  CHECK_FALSE(nlohmann::json::parse(read_bytes(runs.file("run", "scores.json")))
                  .contains("data.first_crop"));
}

TEST_CASE("crop: a fresh head says the mean pose of what it is to learn", "[crop]") {
  const SmallRuns runs(10);
  const ProgramResult result = run_peclr(
      runs.start("finetune", "run", {"train.epochs=1", "train.batch_size=5", "train.lr=1e-12"}));
  INFO(described(result));
  REQUIRE(result.exit_code == 0);
  const std::vector<float> bias =
      TensorFile(runs.file("run", "model.safetensors")).values<float>("fc.bias");
  const std::vector<HandLabel> labels =
      read_freihand_labels(runs.folder / "hands", Split::training).labels;
  for (int j = 0; j < kJoints; ++j) {
    double u = 0, v = 0, z = 0;
    for (const HandLabel& label : labels) {
      const Vec3f wrist = label.xyz[0], knuckle = label.xyz[9];
      const Vec3f palm{(wrist.x + knuckle.x) / 2, (wrist.y + knuckle.y) / 2,
                       (wrist.z + knuckle.z) / 2};
      const Vec3f p = j == 0 ? palm : label.xyz[static_cast<std::size_t>(freihand_from_ait(j))];
      const Vec2f px = project(label.K, p);
      // 222 pixels of the picture, which is read in boxes of 3 x 3, are 32 of the network's.
      u += (px.x + 0.5) * 32 / 222 - 0.5, v += (px.y + 0.5) * 32 / 222 - 0.5;
      z += (p.z - palm.z) / label.scale;
    }
    const auto count = static_cast<double>(labels.size());
    const float* said = &bias[static_cast<std::size_t>(3 * j)];
    CHECK(said[0] == Approx(u / count).margin(1e-3));
    CHECK(said[1] == Approx(v / count).margin(1e-3));
    CHECK(said[2] == Approx(z / count).margin(1e-4));
  }
}

TEST_CASE("crop: fine-tuning goes on from a hand network of another size, and tells of its views",
          "[crop]") {
  const SmallRuns runs(10);
  const auto train = [&](const char* run, const Args& more) {
    const ProgramResult result =
        run_peclr(runs.start("finetune", run, Args{"train.epochs=1", "train.batch_size=5"} + more));
    INFO(described(result));
    REQUIRE(result.exit_code == 0);
    return result;
  };
  const auto bias = [&](const char* run) {
    const TensorFile file(runs.file(run, "model.safetensors"));
    return file.values<float>("fc.bias");
  };
  train("small", {"data.crop=hand"});
  const std::string small = runs.file("small", "model.safetensors");
  const Args still{"train.lr=1e-12", "--init-from", small};
  const ProgramResult larger = train("larger", Args{"model.input=64"} + still);
  CHECK(larger.says("its head spoke of pictures of 32 px, now of 64"));
  CHECK(larger.says("trained with data.crop=hand, used with data.crop=picture"));
  const ProgramResult same = train("same", Args{"data.crop=hand"} + still);
  CHECK_FALSE(same.says("its head spoke"));
  CHECK_FALSE(same.says("trained with"));
  const auto first = bias("small"), now = bias("larger"), kept = bias("same");
  for (std::size_t j = 0; j < kJoints; ++j)
    for (const std::size_t k : {3 * j, 3 * j + 1, 3 * j + 2}) {
      CHECK(now[k] == Approx(k % 3 == 2 ? first[k] : 2 * first[k] + 0.5).margin(1e-5));
      CHECK(kept[k] == Approx(first[k]).margin(1e-5));
    }
}

}  // namespace
}  // namespace peclr
