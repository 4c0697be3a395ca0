// SPDX-License-Identifier: Apache-2.0
// Weights whose names stand behind another program's prefix: which one is found, which are
// refused, and that the values that are taken are those behind it.
#include <catch2/catch.hpp>

#include "engine/checkpoint.h"
#include "models/resnet.h"
#include "tests/support/device.h"
#include "tests/support/refusals.h"

namespace peclr {
namespace {

using namespace test;
using Names = std::vector<std::string>;

const Names kEncoder{"conv1.weight",          "bn1.weight",
                     "layer1.0.conv1.weight", "layer2.0.conv1.weight",
                     "layer3.0.conv1.weight", "layer4.0.conv1.weight"};

Names behind(const std::string& prefix, const Names& names = kEncoder) {
  Names all;
  for (const std::string& name : names) all.push_back(prefix + name);
  return all;
}
Names operator+(Names a, const Names& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// A file of tensors with these names.
struct NamedFile {
  explicit NamedFile(const Names& names) {
    static const float value = 1;
    std::vector<StoredTensor> tensors;
    for (const std::string& name : names)
      tensors.push_back({name, StoredType::f32, {1}, std::as_bytes(std::span(&value, 1))});
    write_safetensors(folder / "w", tensors);
  }
  TempFolder folder;
  std::string path = folder / "w";
};

std::string found_in(const Names& names, const std::string& asked = "") {
  const NamedFile file(names);
  return name_prefix(TensorFile(file.path), asked);
}

void prefix_refused(const Names& names, const std::string& asked, const Parts& parts) {
  const Caught error = caught([&] { found_in(names, asked); });
  INFO(error.text);
  CHECK(error.kind == kUsage);
  CHECK(error.one_line());
  for (const std::string& part : parts) CHECK(error.names(part.c_str()));
}

TEST_CASE("name prefix: that of the only encoder is found, and none where names are known") {
  for (const std::string prefix :
       {"module.", "module.encoder_q.", "backbone.", "model.online.net.", "state.layer1."})
    CHECK(found_in(behind(prefix) + Names{"queue", "predictor.0.weight"}) == prefix);
  for (const std::string known : {"", "encoder.", "backend_model."})
    CHECK(found_in(behind(known) + behind("momentum.")) == "");
  CHECK(found_in({"encoder.features.0.weight", "encoder.features.4.0.conv1.weight"}) == "");
  CHECK(found_in({"fc.weight"}) == "");
  // Without one of its parts it is no encoder; nor is a block, or what has no dot before it.
  for (std::size_t i = 0; i < kEncoder.size(); ++i) {
    Names fewer = kEncoder;
    fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
    CHECK(found_in(behind("module.", fewer)) == "");
    CHECK(found_in(behind("q.") + behind("k.", fewer)) == "q.");
  }
  CHECK(found_in(behind("my")) == "");
}

TEST_CASE("name prefix: of several encoders one has to be chosen, and one that is there") {
  const Names both = behind("module.encoder_q.") + behind("module.encoder_k.");
  prefix_refused(both, "", {"module.encoder_q.", "module.encoder_k.", "init_prefix="});
  CHECK(found_in(both, "module.encoder_q.") == "module.encoder_q.");
  CHECK(found_in(both, "module.encoder_k.") == "module.encoder_k.");
  prefix_refused(both, "module.encoder.", {"module.encoder.conv1.weight", "init_prefix"});
  prefix_refused(both, "module.encoder_q", {"module.encoder_qconv1.weight"});
  prefix_refused(behind(""), "module.", {"module.conv1.weight"});
  // One that is asked for comes before names that are known.
  CHECK(found_in(behind("") + behind("ema."), "ema.") == "ema.");
  CHECK(found_in(behind("encoder."), "encoder.") == "encoder.");
}

TEST_CASE("name prefix: behind it, names are the model's, and others are nobody's") {
  const std::pair<const char*, const char*> names[] = {
      {"module.conv1.weight", "conv1.weight"},
      {"module.encoder.conv1.weight", "conv1.weight"},
      {"module.encoder.features.4.0.bn1.bias", "layer1.0.bn1.bias"},
      {"module.fc.bias", "fc.bias"},
      {"conv1.weight", ""},
      {"my_module.conv1.weight", ""}};
  for (const auto& [theirs, ours] : names) CHECK(model_name_of(theirs, "module.") == ours);
}

// A ResNet-18, as drawn from a seed.
struct Encoder18 {
  Encoder18(Backend& backend, std::uint64_t seed) : network(store, 18) {
    store.allocate(backend, seed);
  }
  ParameterStore store;
  ResNet network;
};

TEST_CASE("name prefix: the values behind it are loaded, all of them or none") {
  const std::unique_ptr<Backend> backend = new_device();
  const TempFolder folder;
  const std::string q = folder / "q", k = folder / "k", both = folder / "both",
                    got = folder / "got";
  Encoder18 query(*backend, 1), key(*backend, 2), model(*backend, 3);
  save_weights(q, query.store, {});
  save_weights(k, key.store, {});
  const TensorFile first(q), second(k);
  const auto all = [&](const std::string& left_out) {
    std::vector<StoredTensor> tensors;
    for (const auto& [file, prefix] : {std::pair{&first, "m.q."}, {&second, "m.k."}})
      for (StoredTensor t : file->tensors()) {
        t.name = prefix + t.name;
        if (t.name != left_out) tensors.push_back(t);
      }
    return tensors;
  };
  write_safetensors(both, all(""));
  for (const auto& [prefix, want] : {std::pair{"m.q.", q}, {"m.k.", k}}) {
    const LoadReport report = load_weights(TensorFile(both), model.store, prefix);
    CHECK(report.missing.empty());
    CHECK(report.unexpected.size() == first.tensors().size());
    save_weights(got, model.store, {});
    CHECK((read_bytes(got) == read_bytes(want)));
  }
  CHECK((read_bytes(q) != read_bytes(k)));
  write_safetensors(both, all("m.q.layer3.1.bn2.running_var"));
  const auto load = [&](const std::string& prefix) {
    return caught([&] { load_weights(TensorFile(both), model.store, prefix); });
  };
  refused(load("m.q."), {both, "m.q.layer3.1.bn2.running_var"});
  CHECK(load("m.k.").kind == 0);
}

TEST_CASE("name prefix: the program finds one, is told of one, and says which it took") {
  const TempFolder folder;
  const std::string network = hand_network(folder), plain = folder / "plain.safetensors",
                    wrapped = folder / "wrapped.safetensors", two = folder / "two.safetensors",
                    want = folder / "want.pth", got = folder / "got.pth";
  const TensorFile stored(network);
  std::vector<StoredTensor> named(stored.tensors().begin(), stored.tensors().end()), both;
  write_safetensors(plain, named);
  for (StoredTensor& t : named) t.name = "module." + t.name;
  write_safetensors(wrapped, named);
  for (const char* other : {"a", "b"})
    for (StoredTensor t : stored.tensors()) {
      t.name = std::string("net.") + other + "." + t.name;
      both.push_back(t);
    }
  write_safetensors(two, both);
  REQUIRE(run_peclr({"export", plain, "--out", want}).exit_code == 0);
  const auto export_of = [&](const Args& args) {
    const ProgramResult result = run_peclr(Args{"export"} + args + Args{"--out", got});
    INFO(described(result));
    CHECK(result.exit_code == 0);
    CHECK((read_bytes(got) == read_bytes(want)));
    return result;
  };
  CHECK(export_of({wrapped}).says("taken from behind module."));
  refused({"export", two, "--out", got}, kUsage, {two, "net.a.", "net.b.", "init_prefix="});
  CHECK(export_of({two, "--init-prefix", "net.b."}).says("taken from behind net.b."));
  CHECK_FALSE(export_of({plain}).says("behind"));

  const std::string set = pictures(folder, "set", 3);
  refused(pretrain(set, folder / "run") + Args{"init_from=" + two}, kUsage, {"init_prefix="});
  const ProgramResult run =
      run_peclr(pretrain(set, folder / "run") + Args{"init_from=" + two, "init_prefix=net.a."});
  INFO(described(run));
  CHECK(run.exit_code == 0);
  CHECK(run.says("taken from behind net.a."));
  CHECK(TensorFile(folder / "run/model.safetensors")
            .metadata_at("peclr.initial_weights")
            .ends_with(" net.a."));
  // The prefix is that of what the run began from, not of what it made.
  const ProgramResult own =
      run_peclr({"predict", folder / "run/config.yaml", "data.eval=" + set, "device=cpu"});
  INFO(described(own));
  CHECK_FALSE(own.says("init_prefix"));
}

}  // namespace
}  // namespace peclr
