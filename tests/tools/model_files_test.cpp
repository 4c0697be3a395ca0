// SPDX-License-Identifier: Apache-2.0
// The size of picture that a command takes for weights: the setting's, else the file's own, else
// that of the network which the names in the file give away; and what is said of it.
#include "tools/run/model_files.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "engine/files/safetensors.h"
#include "kernels/pose.h"
#include "tests/support/files.h"
#include "tests/support/pth_writer.h"
#include "tests/support/refusals.h"
#include "tests/support/small_runs.h"
#include "tools/report/runs.h"

namespace peclr {
namespace {

namespace fs = std::filesystem;
using namespace test;

// A file whose one tensor has this name.
std::vector<StoredTensor> one_tensor(const std::string& name) {
  static const std::vector<float> zeros(128);
  return {{name, StoredType::f32, {128}, std::as_bytes(std::span(zeros))}};
}

int input_for(const std::string& weights, const Args& more = {}) {
  return settings_for_model(Command::predict, Args{"init_from=" + weights} + more).model.input;
}

TEST_CASE("model files: weights that do not say their input size get the likely one") {
  const TempFolder folder;
  const std::string plain = folder / "plain.pth", released = folder / "released.pth",
                    ours = folder / "ours.safetensors";
  write_bytes(plain, zip_pth(one_tensor("fc.bias")));
  write_bytes(released, zip_pth(one_tensor("zroot_ref.zroot_ref.0.bias")));
  write_safetensors(ours, one_tensor("zroot_ref.0.bias"), {{kInputKey, "96"}});
  CHECK(input_for(plain) == 128);
  CHECK(input_for(released) == 224);
  CHECK(input_for(ours) == 96);
  for (const std::string& weights : {plain, released, ours})
    CHECK(input_for(weights, {"model.input=64"}) == 64);
  write_bytes(released, zip_pth(one_tensor("zroot_ref.0.bias")));  // our own spelling
  CHECK(input_for(released) == 128);
}

TEST_CASE("model files: a network's depth is read off its third stage") {
  const TempFolder folder;
  const auto depth_of = [&](int blocks, const char* convolution) {
    std::vector<StoredTensor> tensors;
    for (int i = 0; i < blocks; ++i)
      tensors.push_back(one_tensor(fmt::format("layer3.{}.{}.weight", i, convolution))[0]);
    write_safetensors(folder / "x", tensors, {{kInputKey, "96"}});
    return settings_for_model(Command::predict, Args{"init_from=" + (folder / "x")}).model.depth;
  };
  CHECK(depth_of(2, "conv2") == 18);
  CHECK(depth_of(6, "conv2") == 34);
  CHECK(depth_of(6, "conv3") == 50);
  CHECK(depth_of(23, "conv3") == 101);
  CHECK(depth_of(36, "conv3") == 152);
}

TEST_CASE("model files: a head is asked at the size that it learned, and other crops are told of") {
  const TempFolder folder;
  const std::string weights = folder / "ours.safetensors";
  static const std::vector<float> zeros(kHeadWidth);
  const std::vector<StoredTensor> head{
      {"fc.bias", StoredType::f32, {kHeadWidth}, std::as_bytes(std::span(zeros))}};
  write_safetensors(weights, head,
                    {{kInputKey, "96"}, {kCropKey, "hand"}, {kBorderKey, "reflect"}});
  write_bytes(folder / "finetune.yaml", "model: {input: 128}\n");
  const auto asked = [&](Command command, const Args& args) {
    return caught([&] { settings_for_model(command, Args{"init_from=" + weights} + args); });
  };
  for (const Command command : {Command::predict, Command::evaluate})
    for (const std::string& size : {std::string("model.input=128"), folder / "finetune.yaml"}) {
      const Caught error = asked(command, {size});
      CHECK(error.kind == kUsage);
      CHECK((error.names(weights) && error.names("96 px, not 128") && error.one_line()));
    }
  CHECK(input_for(weights, {"model.input=96"}) == 96);
  // A probe takes the encoder alone.
  CHECK(settings_for_model(Command::probe, Args{"init_from=" + weights, "model.input=64"})
            .model.input == 64);
  const auto told = [&](const Args& more) {
    const ProgramResult result =
        run_peclr(Args{"predict", "--init-from", weights, "data.eval=" + (folder / "none")} + more);
    return result.says("trained with data.crop=hand, used with data.crop=picture; leave it out") &&
           result.says(
               "trained with augment.border=reflect, used with augment.border=black; leave it out");
  };
  CHECK(told({"data.crop=picture", "augment.border=black"}));
  CHECK_FALSE(told({"data.crop=hand"}));
  CHECK_FALSE(told({}));
}

TEST_CASE("model files: the weights are the argument's, else out's, else a YAML file's") {
  const TempFolder folder;
  const auto weights = [&](const char* name, const char* input) {
    fs::create_directories(fs::path(folder / name).parent_path());
    write_safetensors(folder / name, one_tensor("zroot_ref.0.bias"), {{kInputKey, input}});
    return folder / name;
  };
  // As the configuration of a fine-tuning has it: what it started from, and where it ended.
  write_bytes(folder / "run.yaml", fmt::format("init_from: {}\nout: {}\n",
                                               weights("start.safetensors", "64"), folder / "run"));
  const auto taken = [&](const Args& args) {
    return settings_for_model(Command::predict, Args{folder / "run.yaml"} + args).init_from;
  };
  CHECK(taken({}) == folder / "start.safetensors");
  const std::string own = weights("run/model.safetensors", "96");
  CHECK(taken({}) == own);
  CHECK(taken({"init_from=" + (folder / "start.safetensors")}) == folder / "start.safetensors");
}

TEST_CASE("model files: another program's weights are known by name and content") {
  const TempFolder folder;
  const auto initial = [&](const char* name, float first, const Metadata& metadata) {
    std::vector<float> values(128);
    values[0] = first;
    write_safetensors(folder / name,
                      std::vector<StoredTensor>{
                          {"fc.bias", StoredType::f32, {128}, std::as_bytes(std::span(values))}},
                      metadata);
    return initial_weights_of(TensorFile(folder / name));
  };
  const std::string a = initial("a.safetensors", 0, {}), b = initial("b.safetensors", 0, {}),
                    c = initial("b.safetensors", 1, {});
  CHECK(a.starts_with("a.safetensors "));
  const std::string digits = a.substr(a.find(' ') + 1);
  CHECK(digits.size() == 8);
  CHECK(digits.find_first_not_of("0123456789abcdef") == std::string::npos);
  CHECK(b == "b.safetensors " + digits);
  CHECK(c.starts_with("b.safetensors "));
  CHECK(c != b);
  CHECK(initial("a.safetensors", 0, {{kMethodKey, "none"}}) == "");
  CHECK(initial("a.safetensors", 0, {{kMethodKey, "peclr"}, {kInitialKey, "x.pth 01234567"}}) ==
        "x.pth 01234567");
  write_bytes(folder / "c.pth", zip_pth(one_tensor("fc.bias")));
  CHECK(initial_weights_of(TensorFile(folder / "c.pth")).starts_with("c.pth "));
}

TEST_CASE("model files: what training began from goes with the weights, through every step") {
  const SmallRuns runs(10);
  const auto succeeds = [](const Args& args) {
    const ProgramResult result = run_peclr(args);
    INFO(described(result));
    REQUIRE(result.exit_code == 0);
  };
  const Args short_run{"train.epochs=1", "train.batch_size=5"};
  const auto initial = [&](const std::string& run) {
    return initial_weights_of(TensorFile(runs.file(run, "model.safetensors")));
  };
  succeeds(runs.start("pretrain", "own", short_run));
  CHECK(initial("own") == "");
  const TensorFile own(runs.file("own", "model.safetensors"));
  const std::string foreign = runs.out("foreign weights.safetensors");
  write_safetensors(foreign, own.tensors());
  const std::string name = initial_weights_of(TensorFile(foreign));
  CHECK(name.starts_with("foreign weights.safetensors "));

  const Args from_foreign = short_run + Args{"--init-from", foreign};
  succeeds(runs.start("pretrain", "pre", from_foreign));
  CHECK(initial("pre") == name);
  succeeds(runs.start("finetune", "direct", from_foreign));
  CHECK(initial("direct") == name);
  succeeds(runs.start("finetune", "through",
                      short_run + Args{"--init-from", runs.file("pre", "model.safetensors")}));
  CHECK(initial("through") == name);
  fs::remove(foreign);
  for (const char* run : {"pre", "direct"}) {
    const std::string before = runs.model(run);
    fs::remove(runs.file(run, "model.safetensors"));
    succeeds(
        {run == std::string("pre") ? "pretrain" : "finetune", "out=" + runs.out(run), "--resume"});
    const bool same = runs.model(run) == before;
    CHECK(same);
  }
  succeeds(
      {"evaluate", "out=" + runs.out("direct"), "data.eval=" + runs.out("hands"), "threads=1"});
  CHECK(read_run(runs.out("direct")).initial_weights == name);
  CHECK(read_run(runs.out("pre")).initial_weights == name);
  CHECK(run_peclr({"results", runs.out("direct")}).out.find("\nother weights (" + name + ") ") !=
        std::string::npos);
}

// The file without the tensors whose names hold these words.
void drop_tensors(const std::string& from, const std::string& to, std::string_view words) {
  const TensorFile whole(from);
  std::vector<StoredTensor> kept;
  for (const StoredTensor& t : whole.tensors())
    if (t.name.find(words) == std::string::npos) kept.push_back(t);
  REQUIRE(kept.size() < whole.tensors().size());
  write_safetensors(to, kept, whole.metadata());
}

TEST_CASE("model files: only a training goes on with tensors missing") {
  const SmallRuns runs(10);
  const Args short_run{"train.epochs=1", "train.batch_size=5"};
  const ProgramResult trained = run_peclr(runs.start("finetune", "hand", short_run));
  INFO(described(trained));
  REQUIRE(trained.exit_code == 0);
  const std::string part = runs.out("part.safetensors"), hands = runs.out("hands");
  for (const char* words : {"layer3", "layer1.0.conv1"}) {
    drop_tensors(runs.file("hand", "model.safetensors"), part, words);
    CHECK(settings_for_model(Command::predict, Args{"init_from=" + part}).model.depth == 18);
    for (const std::string command : {"evaluate", "predict", "probe"})
      refused({command, "init_from=" + part, "out=" + runs.out("out"), "threads=1",
               (command == "probe" ? "data.train=" : "data.eval=") + hands},
              kData, {part, "tensors are missing", "use weights of a whole network"});
    CHECK_FALSE(fs::exists(runs.out("out")));
  }
  const ProgramResult again =
      run_peclr(runs.start("finetune", "again", short_run + Args{"init_from=" + part}));
  INFO(described(again));
  CHECK(again.exit_code == 0);
}

TEST_CASE("model files: the size taken is said, once, where neither file nor setting has it") {
  const TempFolder folder;
  const std::string released = folder / "released.pth", ours = folder / "ours.safetensors";
  write_bytes(released, zip_pth(one_tensor("zroot_ref.zroot_ref.0.bias")));
  write_safetensors(ours, one_tensor("zroot_ref.0.bias"), {{kInputKey, "96"}});
  const auto told = [&](const std::string& weights, const Args& more) {
    const ProgramResult result =
        run_peclr(Args{"predict", "--init-from", weights, "data.eval=" + folder.path().string(),
                       "out=" + (folder / "out")} +
                  more);
    return result.says(weights +
                       ": does not say how large its pictures are; 224 px are taken, "
                       "model.input=N sets another size\n");
  };
  CHECK(told(released, {}));
  CHECK_FALSE(told(released, {"model.input=224"}));
  CHECK_FALSE(told(ours, {}));
}

}  // namespace
}  // namespace peclr
