// SPDX-License-Identifier: Apache-2.0
// Models and training states through files: bit for bit there and back, torchvision's layout and
// names, the prefixes of other people's files, and what must be refused.
#include "engine/checkpoint.h"

#include <catch2/catch.hpp>
#include <functional>
#include <limits>
#include <map>
#include <tuple>

#include "models/layers.h"
#include "tests/support/files.h"
#include "tests/support/values.h"

namespace peclr {
namespace {

using namespace test;

constexpr int kData = static_cast<int>(ErrorKind::data);
using Names = std::vector<std::string>;

// A hand network in small: an encoder's names, fc, and the refinement's.
struct Model {
  explicit Model(Backend& backend, std::uint64_t seed, std::int64_t outputs = 7)
      : conv(add_conv(store, "conv1", 8, 5, 3)),
        norm(add_norm(store, "bn1", 8)),
        fc(add_linear(store, "fc", outputs, 8, Bias::learned)),
        root(add_linear(store, "zroot_ref.0", 3, 7, Bias::learned)),
        root_norm(add_norm(store, "zroot_ref.1", 3)) {
    store.allocate(backend, seed);
    optimizer = std::make_unique<Optimizer>(store, OptimizerOptions{.weight_decay = 0.01f});
  }

  // Gives every number a value of its own.
  void fill(std::uint64_t seed) {
    for (Parameter& p : store.parameters())
      set_values(store, p, random_values(p.shape.count(), ++seed));
    for (StateBuffer& b : store.buffers())
      b.value.copy_from_host(floats(random_values(b.value.count(), ++seed, 0.1f, 2.f)));
    for (StateCounter& c : store.counters()) c.value = static_cast<std::int64_t>(++seed) << 33;
  }
  void step(std::int64_t number) {
    store.grads().copy_from_host(floats(random_values(store.total(), 90 + std::uint64_t(number))));
    optimizer->update(0.01, number);
  }
  // Everything that training changes.
  std::vector<Doubles> state() {
    std::vector<Doubles> all{host(optimizer->first_moment()), host(optimizer->second_moment())};
    for (const Parameter& p : store.parameters()) all.push_back(host(p.value));
    for (const StateBuffer& b : store.buffers()) all.push_back(host(b.value));
    for (const StateCounter& c : store.counters()) all.push_back({static_cast<double>(c.value)});
    return all;
  }
  const std::vector<Doubles> weights() {
    std::vector<Doubles> all = state();
    all.erase(all.begin(), all.begin() + 2);
    return all;
  }

  ParameterStore store;
  Parameter& conv;
  ops::NormLayer norm;
  LinearLayer fc, root;
  ops::NormLayer root_norm;
  std::unique_ptr<Optimizer> optimizer;
};

struct Fixture {
  std::unique_ptr<Backend> backend = new_device();
  TempFolder folder;
  std::string path = folder / "model.safetensors";

  // A file of a filled model, each tensor passed through `edit`; tensors whose name it empties are
  // left out.
  std::string foreign(const std::function<void(StoredTensor&)>& edit) {
    Model model(*backend, 1);
    model.fill(10);
    save_weights(path, model.store, {});
    const TensorFile file(path);
    std::vector<StoredTensor> tensors;
    for (StoredTensor t : file.tensors()) {
      edit(t);
      if (!t.name.empty()) tensors.push_back(t);
    }
    const std::string other = folder / "foreign.safetensors";
    write_safetensors(other, tensors, {});
    return other;
  }
  // What loading such a file into a fresh model throws.
  Caught loading(const std::function<void(StoredTensor&)>& edit) {
    const std::string file = foreign(edit);
    Model model(*backend, 2);
    return caught([&] { load_weights(TensorFile(file), model.store); });
  }
};

TEST_CASE("checkpoint: a training state comes back bit for bit and goes on alike", "[checkpoint]") {
  Fixture f;
  Model model(*f.backend, 1);
  model.fill(10);
  model.step(0);
  save_training(f.path, model.store, *model.optimizer, {{"step", "1"}});
  Model resumed(*f.backend, 2);
  CHECK((resumed.state() != model.state()));
  const TensorFile file(f.path);
  CHECK(file.has_checksum());
  CHECK(file.metadata_at("step") == "1");
  load_training(file, resumed.store, *resumed.optimizer);
  CHECK((resumed.state() == model.state()));
  model.step(1);
  resumed.step(1);
  CHECK((resumed.state() == model.state()));

  save_training(f.path, model.store, *model.optimizer, {});
  save_training(f.folder / "again", resumed.store, *resumed.optimizer, {});
  CHECK((read_bytes(f.path) == read_bytes(f.folder / "again")));
}

TEST_CASE("checkpoint: weights come back bit for bit, moments are not in their file",
          "[checkpoint]") {
  Fixture f;
  Model model(*f.backend, 1), other(*f.backend, 2);
  model.fill(10);
  save_weights(f.path, model.store, {});
  const TensorFile file(f.path);
  CHECK(file.tensors().size() == 15);  // 1 + 5 + 2 + 2 + 5: no moments
  const LoadReport report = load_weights(file, other.store);
  CHECK(report.missing.empty());
  CHECK(report.unexpected.empty());
  CHECK((other.weights() == model.weights()));
  const Caught error = caught([&] { load_training(file, other.store, *other.optimizer); });
  CHECK(error.kind == kData);
  CHECK(error.names("optimizer.first_moment"));
}

TEST_CASE("checkpoint: a device's copies of older weights are not used after loading",
          "[checkpoint]") {
  Fixture f;
  Model model(*f.backend, 1), weights(*f.backend, 2), training(*f.backend, 3);
  model.fill(10);
  save_training(f.path, model.store, *model.optimizer, {});
  const Tensor x = f.backend->activation({2, 6, 6, 5}, DType::f32);
  x.copy_from_host(floats(random_values(x.count(), 4)));
  const auto answer = [&](Model& m) {
    Tape tape(Mode::evaluate);
    return host(ops::conv2d(tape, {x, -1}, m.conv, {1, 1}, DType::f32).value);
  };
  const Doubles wanted = answer(model);
  CHECK(answer(weights) != wanted);
  CHECK(answer(training) != wanted);
  load_weights(TensorFile(f.path), weights.store);
  load_training(TensorFile(f.path), training.store, *training.optimizer);
  CHECK(answer(weights) == wanted);
  CHECK(answer(training) == wanted);
}

TEST_CASE("checkpoint: convolutions are OIHW in the file", "[checkpoint]") {
  Fixture f;
  Model model(*f.backend, 1);
  Doubles w(8 * 3 * 3 * 5);
  w[((2 * 3 + 1) * 3 + 0) * 5 + 3] = 42;  // output 2, row 1, column 0, input 3
  set_values(model.store, model.conv, w);
  save_weights(f.path, model.store, {});
  const TensorFile file(f.path);
  CHECK(file.at("conv1.weight").shape == std::vector<std::int64_t>{8, 5, 3, 3});
  const std::vector<float> stored = file.values<float>("conv1.weight");
  for (std::size_t i = 0; i < stored.size(); ++i)
    CHECK(stored[i] == (i == ((2 * 5 + 3) * 3 + 1) * 3 + 0 ? 42 : 0));
  CHECK(file.at("fc.weight").shape == std::vector<std::int64_t>{7, 8});
  CHECK(file.at("bn1.num_batches_tracked").shape.empty());
  CHECK(file.at("bn1.num_batches_tracked").type == StoredType::i64);
}

TEST_CASE("checkpoint: the prefixes of the reference's files are known", "[checkpoint]") {
  Fixture f;
  Model model(*f.backend, 1);
  model.fill(10);
  for (const std::string prefix : {"", "backend_model.", "encoder."}) {
    const std::string file = f.foreign([&](StoredTensor& t) {
      // As the released fine-tuned weights have it, the refinement's prefix is doubled.
      t.name = (t.name.rfind("zroot_ref.", 0) == 0 ? "zroot_ref." : prefix) + t.name;
    });
    Model other(*f.backend, 2);
    const LoadReport report = load_weights(TensorFile(file), other.store);
    CHECK(report.missing.empty());
    CHECK(report.unexpected.empty());
    CHECK((other.weights() == model.weights()));
  }
}

TEST_CASE("checkpoint: the numbered names of the reference's training checkpoints are known",
          "[checkpoint]") {
  const std::pair<const char*, const char*> names[] = {
      {"encoder.features.0.weight", "conv1.weight"},
      {"encoder.features.1.running_var", "bn1.running_var"},
      {"encoder.features.4.0.downsample.1.bias", "layer1.0.downsample.1.bias"},
      {"encoder.features.5.3.conv2.weight", "layer2.3.conv2.weight"},
      {"encoder.features.6.35.bn3.weight", "layer3.35.bn3.weight"},
      {"encoder.features.7.2.bn1.num_batches_tracked", "layer4.2.bn1.num_batches_tracked"},
      {"encoder.features.8.weight", "features.8.weight"},  // no such child
      {"projection_head.3.weight", "projection_head.3.weight"},
      {"backend_model.fc.bias", "fc.bias"},
      {"zroot_ref.zroot_ref.0.weight", "zroot_ref.0.weight"},
      {"layer1.0.conv1.weight", "layer1.0.conv1.weight"}};
  for (const auto& [theirs, ours] : names) CHECK(model_name_of(theirs) == ours);

  Fixture f;
  Model model(*f.backend, 1);
  model.fill(10);
  const std::string file = f.foreign([](StoredTensor& t) {
    if (t.name == "conv1.weight") t.name = "encoder.features.0.weight";
    if (t.name.starts_with("bn1.")) t.name = "encoder.features.1." + t.name.substr(4);
  });
  Model other(*f.backend, 2);
  const LoadReport report = load_weights(TensorFile(file), other.store);
  CHECK(report.missing.empty());
  CHECK((other.weights() == model.weights()));
}

TEST_CASE("checkpoint: what is missing and what is unexpected is listed", "[checkpoint]") {
  Fixture f;
  const std::string file = f.foreign([](StoredTensor& t) {
    if (t.name == "bn1.bias" || t.name == "zroot_ref.1.running_var") t.name.clear();
    if (t.name == "zroot_ref.0.weight") t.name = "backend_model.layer9.weight";
  });
  Model model(*f.backend, 2);
  const Doubles bias = host(model.norm.beta->value), root = host(model.root.weight->value);
  const LoadReport report = load_weights(TensorFile(file), model.store);
  CHECK(report.missing == Names{"bn1.bias", "zroot_ref.0.weight", "zroot_ref.1.running_var"});
  CHECK(report.unexpected == Names{"backend_model.layer9.weight"});
  CHECK(host(model.norm.beta->value) == bias);
  CHECK(host(model.root.weight->value) == root);
}

// A file's tensors, and more of the same values under other names.
std::string with_more(Fixture& f, const std::map<std::string, std::string>& from_to) {
  const TensorFile file(f.foreign([](StoredTensor&) {}));
  std::vector<StoredTensor> tensors(file.tensors().begin(), file.tensors().end());
  for (const auto& [from, to] : from_to) {
    tensors.push_back(file.at(from));
    tensors.back().name = to;
  }
  const std::string more = f.folder / "more.safetensors";
  write_safetensors(more, tensors, {});
  return more;
}

TEST_CASE("checkpoint: of two tensors for one name, the one that has it is taken", "[checkpoint]") {
  Fixture f;
  Model model(*f.backend, 1);
  model.fill(10);
  // An encoder's own fc of another shape, beside the head, before it and behind it in the file.
  const std::string file = with_more(f, {{"conv1.weight", "backend_model.fc.weight"},
                                         {"bn1.bias", "encoder.fc.bias"},
                                         {"bn1.weight", "zroot_ref.zroot_ref.0.bias"}});
  Model other(*f.backend, 2);
  const LoadReport report = load_weights(TensorFile(file), other.store);
  CHECK((other.weights() == model.weights()));
  CHECK(report.missing.empty());
  CHECK(report.unexpected ==
        Names{"encoder.fc.bias", "backend_model.fc.weight", "zroot_ref.zroot_ref.0.bias"});
}

TEST_CASE("checkpoint: the one that fits is taken before the one that has the name",
          "[checkpoint]") {
  Fixture f;
  Model model(*f.backend, 1);
  model.fill(10);
  const TensorFile whole(with_more(f, {{"fc.bias", "backend_model.fc.bias"}}));
  std::vector<StoredTensor> tensors(whole.tensors().begin(), whole.tensors().end());
  for (StoredTensor& t : tensors)  // a classifier's, as torchvision's files have it
    if (t.name == "fc.bias") t = whole.at("bn1.weight"), t.name = "fc.bias";
  const std::string file = f.folder / "classifier.safetensors";
  write_safetensors(file, tensors, {});
  Model other(*f.backend, 2);
  const LoadReport report = load_weights(TensorFile(file), other.store);
  CHECK((other.weights() == model.weights()));
  CHECK(report.missing.empty());
  CHECK(report.unexpected == Names{"fc.bias"});
}

TEST_CASE("checkpoint: two tensors for one name that neither has are refused", "[checkpoint]") {
  Fixture f;
  Model model(*f.backend, 2);
  const auto loading = [&](const char* name, const char* first, const char* second) {
    const std::string file = with_more(f, {{name, second}});
    const TensorFile whole(file);
    std::vector<StoredTensor> tensors(whole.tensors().begin(), whole.tensors().end());
    for (StoredTensor& t : tensors)
      if (t.name == name) t.name = first;
    const std::string both = f.folder / "both.safetensors";
    write_safetensors(both, tensors, {});
    return caught([&] { load_weights(TensorFile(both), model.store); });
  };
  for (const auto& [name, first, second] :
       {std::tuple{"fc.weight", "encoder.fc.weight", "backend_model.fc.weight"},
        std::tuple{"conv1.weight", "encoder.conv1.weight", "encoder.features.0.weight"},
        std::tuple{"bn1.num_batches_tracked", "encoder.bn1.num_batches_tracked",
                   "backend_model.bn1.num_batches_tracked"}}) {
    const Caught error = loading(name, first, second);
    INFO(error.text);
    CHECK((error.kind == kData && error.one_line() && error.names("both.safetensors")));
    CHECK((error.names(first) && error.names(second) && error.names("remove one")));
  }
}

TEST_CASE("checkpoint: older files lack counters, and nobody is told", "[checkpoint]") {
  Fixture f;
  const std::string file = f.foreign([](StoredTensor& t) {
    if (t.type == StoredType::i64) t.name.clear();
  });
  Model model(*f.backend, 2);
  const LoadReport report = load_weights(TensorFile(file), model.store);
  CHECK(report.missing.empty());
  CHECK(model.norm.batches->value == 0);
}

TEST_CASE("checkpoint: an fc of another shape is passed over", "[checkpoint]") {
  Fixture f;
  const std::string file = f.foreign([](StoredTensor&) {});
  Model model(*f.backend, 2, 4);
  const Doubles weight = host(model.fc.weight->value), bias = host(model.fc.bias->value);
  const LoadReport report = load_weights(TensorFile(file), model.store);
  CHECK(report.missing == Names{"fc.weight", "fc.bias"});
  CHECK(report.unexpected.empty());
  CHECK(host(model.fc.weight->value) == weight);
  CHECK(host(model.fc.bias->value) == bias);
}

TEST_CASE("checkpoint: other people's types are converted", "[checkpoint]") {
  Fixture f;
  const Doubles w = random_values(8 * 5 * 3 * 3, 5);
  std::vector<std::uint16_t> halves(8, 0x4040);  // 3 in bf16
  const std::string file = f.foreign([&](StoredTensor& t) {
    if (t.name == "conv1.weight") t.type = StoredType::f64, t.bytes = std::as_bytes(std::span(w));
    if (t.name == "bn1.weight")
      t.type = StoredType::bf16, t.bytes = std::as_bytes(std::span(halves));
  });
  Model model(*f.backend, 2);
  load_weights(TensorFile(file), model.store);
  CHECK(host(model.norm.gamma->value) == Doubles(8, 3));
  const Doubles got = host(model.conv.value);  // [O, kH, kW, I]
  CHECK(got[((7 * 3 + 2) * 3 + 1) * 5 + 4] == w[((7 * 5 + 4) * 3 + 2) * 3 + 1]);
}

TEST_CASE("checkpoint: files that do not fit are refused by name", "[checkpoint]") {
  Fixture f;
  const std::int64_t counters[] = {1, 2};
  std::vector<float> wrong(8 * 5 * 3 * 3, 1.f);
  const auto with_value = [&](const std::string& name, float value) {
    return f.loading([&](StoredTensor& t) {
      if (t.name != name) return;
      wrong.assign(static_cast<std::size_t>(t.count()), 1.f);
      wrong[wrong.size() / 2] = value;
      t.bytes = std::as_bytes(std::span(wrong));
    });
  };
  const auto with_shape = [&](const std::string& name, std::vector<std::int64_t> shape) {
    return f.loading([&](StoredTensor& t) {
      if (t.name == name) t.shape = shape;
    });
  };
  const auto with_counters = [&](std::int64_t count) {
    return f.loading([&](StoredTensor& t) {
      if (t.name != "bn1.num_batches_tracked") return;
      t.shape = {count};
      t.bytes = std::as_bytes(std::span(counters, static_cast<std::size_t>(count)));
    });
  };
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const std::pair<const char*, Caught> cases[] = {
      {"conv1.weight", with_value("conv1.weight", kNan)},
      {"conv1.weight", with_value("conv1.weight", -kInfinity)},
      {"fc.bias", with_value("fc.bias", kNan)},
      {"bn1.running_var", with_value("bn1.running_var", kNan)},
      {"conv1.weight", with_shape("conv1.weight", {8, 3, 5, 3})},
      {"bn1.running_mean", with_shape("bn1.running_mean", {8, 1})},
      {"zroot_ref.0.weight", with_shape("zroot_ref.0.weight", {7, 3})},
      {"bn1.num_batches_tracked", with_counters(0)},
      {"bn1.num_batches_tracked", with_counters(2)}};
  for (const auto& [name, error] : cases) {
    CAPTURE(name, error.text);
    CHECK(error.kind == kData);
    CHECK(error.names(name));
    CHECK(error.names("foreign.safetensors"));
    CHECK(error.one_line());
  }
  CHECK(with_value("conv1.weight", 2).kind == 0);  // the checks above can pass

  const Caught strangers = f.loading([](StoredTensor& t) { t.name = "model." + t.name; });
  CHECK(strangers.kind == kData);
  CHECK(strangers.names("foreign.safetensors"));
}

TEST_CASE("checkpoint: a training state of another model is refused", "[checkpoint]") {
  Fixture f;
  Model model(*f.backend, 1), wider(*f.backend, 1, 9);
  save_training(f.path, model.store, *model.optimizer, {});
  const Caught shape =
      caught([&] { load_training(TensorFile(f.path), wider.store, *wider.optimizer); });
  CHECK(shape.kind == kData);
  CHECK(shape.names("fc.weight"));
  ParameterStore more;
  add_conv(more, "conv1", 8, 5, 3);
  add_norm(more, "bn2", 8);
  more.allocate(*f.backend, 1);
  const Optimizer optimizer(more, {});
  const Caught missing = caught([&] { load_training(TensorFile(f.path), more, optimizer); });
  CHECK(missing.kind == kData);
  CHECK(missing.names("bn2.weight"));
}

}  // namespace
}  // namespace peclr
