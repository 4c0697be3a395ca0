// SPDX-License-Identifier: Apache-2.0
// train.freeze: what is frozen stays as it is, to the bit, and the head is trained on what it says.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>

#include "engine/files/safetensors.h"
#include "tests/support/refusals.h"
#include "tests/support/small_runs.h"
#include "tests/support/values.h"
#include "tools/trainer/finetuning.h"

namespace peclr {
namespace {

using namespace test;

bool of_head(const std::string& name) {
  return name.starts_with("fc.") || name.starts_with("zroot_ref.");
}

// How many tensors of the encoder and of the head are other than they were.
struct Changes {
  int encoder = 0, head = 0, tensors = 0;

  Changes(const std::string& before, const std::string& after) {
    const TensorFile first(before), second(after);
    for (const StoredTensor& t : first.tensors()) {
      const StoredTensor& other = second.at(t.name);
      REQUIRE(other.shape == t.shape);
      ++tensors;
      (of_head(t.name) ? head : encoder) +=
          !std::equal(t.bytes.begin(), t.bytes.end(), other.bytes.begin(), other.bytes.end());
    }
  }
};

TEST_CASE("freeze: the encoder keeps its bytes, the head learns", "[freeze]") {
  const SmallRuns runs(20);
  const auto finetune = [&](const char* run, const Args& more) {
    const ProgramResult result = run_peclr(
        runs.start("finetune", run,
                   Args{"train.epochs=2", "train.batch_size=5", "train.weight_decay=0.1"} + more));
    INFO(described(result));
    REQUIRE(result.exit_code == 0);
    return runs.file(run, "model.safetensors");
  };
  const std::string start = finetune("start", {});
  for (const char* optimizer : {"adam", "lars"}) {
    INFO(optimizer);
    const std::string with = std::string("train.optimizer=") + optimizer;
    const std::string frozen =
        finetune(optimizer, {"train.freeze=encoder", with, "--init-from", start});
    const Changes changes(start, frozen);
    CHECK(changes.tensors > 100);
    CHECK(changes.encoder == 0);
    CHECK(changes.head >= 12);
    CHECK(TensorFile(frozen).metadata_at("peclr.freeze") == "encoder");
  }
  CHECK_FALSE(TensorFile(start).metadata().contains("peclr.freeze"));
  // The planted fault: nothing is frozen.
  CHECK(Changes(start, finetune("free", {"--init-from", start})).encoder > 90);

  // A run that is resumed goes on frozen.
  const Args half{"train.freeze=encoder", "--init-from", start, "train.save_seconds=0"};
  const std::string whole = read_bytes(finetune("whole", half));
  const std::string metrics = runs.file("halves", "metrics.jsonl");
  const Args halves =
      runs.start("finetune", "halves",
                 Args{"train.epochs=2", "train.batch_size=5", "train.weight_decay=0.1"} + half);
  const ProgramResult stopped =
      run_peclr(halves, {.signal = SIGTERM, .when = [&] {
                           return std::filesystem::exists(metrics) && !read_bytes(metrics).empty();
                         }});
  INFO(described(stopped));
  REQUIRE(stopped.exit_code == 75);
  REQUIRE(run_peclr(halves + Args{"--resume"}).exit_code == 0);
  CHECK(runs.model("halves") == whole);
}

TEST_CASE("freeze: a frozen encoder says in training what it says in evaluation", "[freeze]") {
  const auto backend = new_device();
  ParameterStore frozen_store, learned_store;
  const ResNet frozen(frozen_store, 18, "", Encoder::frozen), learned(learned_store, 18);
  frozen_store.allocate(*backend, 1), learned_store.allocate(*backend, 1);
  Tensor images = backend->pictures(3, 32, DType::f32);
  std::vector<float> pixels(static_cast<std::size_t>(images.count()));
  const auto channels = static_cast<std::size_t>(images.shape().last());
  for (std::size_t i = 0; i < pixels.size(); ++i)  // zeros behind the first three channels
    pixels[i] = i % channels < 3 ? std::sin(0.1f * float(i)) : 0;
  images.copy_from_host(pixels);
  const auto features = [&](const ResNet& network, Mode mode) {
    Tape tape(mode);
    const Variable y = network.forward(tape, {images, -1}, DType::f32);
    CHECK((y.node < 0) == (&network == &frozen || mode == Mode::evaluate));
    return y.value.to_host();
  };
  const std::vector<float> evaluated = features(learned, Mode::evaluate);
  CHECK(features(frozen, Mode::evaluate) == evaluated);
  CHECK(features(frozen, Mode::train) == evaluated);
  CHECK(frozen_store.counters()[0].value == 0);
  CHECK(features(learned, Mode::train) != evaluated);  // by the batch's statistics
  CHECK(learned_store.counters()[0].value == 1);
}

TEST_CASE("freeze: no gradient is computed for the encoder", "[freeze]") {
  const auto backend = new_device();
  for (const auto freeze : {Settings::Freeze::none, Settings::Freeze::encoder}) {
    Settings settings = default_settings(Command::finetune);
    settings.model = {18, 32};
    settings.train.freeze = freeze;
    Finetuning training(settings, *backend);
    training.store.draw(1);
    training.store.zero_grads();
    backend->zero(training.values);
    settings.train.batch_size = 4;
    const PoseBatches::Batch batch = PoseBatches::blank(settings, *backend);
    for (const Tensor& t :
         {batch.images, batch.target.uv, batch.target.z_rel, batch.target.root_depth})
      backend->zero(t);
    std::vector<float> cameras;
    for (int i = 0; i < 4; ++i) cameras.insert(cameras.end(), {1, 0, 0, 0, 1, 0, 0, 0, 1});
    batch.cameras.copy_from_host(cameras);
    training.pass(batch);
    int frozen = 0;
    for (const Parameter& p : training.store.parameters()) {
      INFO(p.name);
      const bool still = freeze == Settings::Freeze::encoder && !of_head(p.name);
      CHECK(p.has_grad == !still);
      CHECK(p.frozen == still);
      frozen += still;
    }
    CHECK((frozen > 50) == (freeze == Settings::Freeze::encoder));
  }
}

}  // namespace
}  // namespace peclr
