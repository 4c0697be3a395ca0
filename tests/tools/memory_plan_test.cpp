// SPDX-License-Identifier: Apache-2.0
// What a run says of its memory before the first step, against what steps take.
#include "tools/trainer/memory_plan.h"

#include <catch2/catch.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "engine/cpu/cpu_backend.h"
#include "engine/files/safetensors.h"
#include "tests/support/device.h"
#include "tests/support/files.h"
#include "tests/support/program.h"
#include "tests/support/small_runs.h"
#include "tests/support/threads.h"
#include "tools/run/model_files.h"
#include "tools/settings/engine_options.h"
#include "tools/trainer/finetuning.h"
#include "tools/trainer/pretraining.h"
#include "tools/trainer/train_loop.h"

namespace peclr {
namespace {

using namespace test;

// In bf16: the scratch of f32's convolutions, which no count can know, is as the library judges the
// machine's caches.
Settings small_settings(Command command) {
  return load_settings(
      command, std::vector<std::string>{"out=nowhere", "data.train=nowhere", "model.depth=18",
                                        "model.input=64", "train.accumulate=1", "precision=bf16"});
}

// The peak of steps on a device, as memory_need has it.
template <class Training>
std::int64_t measured(Settings settings, int batch_size) {
  settings.train.batch_size = batch_size;
  const auto backend = new_device();
  Training training(settings, *backend);
  training.store.draw(1);
  std::vector<typename Training::Batches::Batch> batches;
  for (int i = 0; i < kBatchBuffers; ++i)
    batches.push_back(Training::Batches::blank(settings, *backend));
  backend->zero(batches.front().images);
  // Twice: copies of weights, which the first makes on its way, are there all through the second.
  for (const std::int64_t step : {0, 1}) {
    training.optimizer.begin(1e-3, step);
    training.store.zero_grads();
    training.pass(batches.front());
    training.optimizer.apply();
  }
  return backend->memory().peak_bytes_in_use;
}

template <class Training>
void check_need(Command command) {
  const Threads guard(1);
  const Settings settings = small_settings(command);
  const auto backend = new_device();
  const Tensor picture = backend->pictures(1, 1, compute_type(settings));
  const auto need = [&](int batch) { return memory_need<Training>(settings, picture, batch); };
  const std::int64_t small = measured<Training>(settings, 8),
                     large = measured<Training>(settings, 24);
  CHECK(need(8) <= small);
  CHECK(need(24) <= large);
  // Copies of weights do not grow with the batch: what does is counted nearly whole. A card's
  // convolutions may want scratch, as much as their fastest engines do.
  const double slope = static_cast<double>(large - small);
  const double scratch = std::string_view(device_name()) == "cuda" ? 32 << 20 : 0;
  CHECK(static_cast<double>(need(24) - need(8)) == Approx(slope).epsilon(0.02).margin(scratch));
  CHECK(backend->memory().peak_bytes_in_use < 1 << 20);  // the device itself gives no more
}

TEST_CASE("memory: what a step needs is known before it", "[memory][compiles]") {
  SECTION("pre-training") { check_need<Pretraining>(Command::pretrain); }
  SECTION("fine-tuning") { check_need<Finetuning>(Command::finetune); }
}

TEST_CASE("memory: the largest batch that fits is found", "[memory]") {
  const auto need = [](int batch) { return std::int64_t{1000} + 100 * batch; };
  MemoryPlan plan{need, 64, 5000};
  for (const int room : {1200, 1299, 1300, 5000, 7399}) {
    plan.available = room;
    int largest = 0;
    for (int batch = 2; batch < 64; ++batch)
      if (need(batch) <= room) largest = batch;
    REQUIRE(plan.fitting(1).has_value());
    CHECK(*plan.fitting(1) == largest);
  }
  plan.available = 1199;
  CHECK_FALSE(plan.fitting(1).has_value());
  plan.available = 5000;
  CHECK(*plan.fitting(2) == 15);
  CHECK_THROWS_WITH(plan.require(), Catch::Contains("train.batch_size=64 needs at least") &&
                                        Catch::Contains("train.batch_size=31 should fit"));
  plan.available = 7400;
  CHECK_NOTHROW(plan.require());
}

// A device that is full from some moment on.
struct FullDevice final : CpuBackend {
  void* allocate(std::size_t bytes) override {
    if (full) throw OutOfMemory("full");
    return CpuBackend::allocate(bytes);
  }
  std::int64_t memory_available() override { return std::int64_t{300} << 20; }
  bool full = false;
};

TEST_CASE("memory: what fits is known when the device has nothing left", "[memory]") {
  FullDevice device;
  Settings settings = small_settings(Command::pretrain);
  settings.train.batch_size = 4096;
  const MemoryPlan plan = memory_plan<Pretraining>(settings, device);
  const std::string before = plan.advice();
  device.full = true;
  CHECK_THROWS_AS(Tensor(device, {1}, DType::f32), OutOfMemory);
  CHECK(plan.advice() == before);
  CHECK(before.find("should fit") != std::string::npos);
}

TEST_CASE("memory: no batch is named where the one there is should have fitted", "[memory]") {
  MemoryPlan plan{[](int batch) { return std::int64_t{10} * batch; }, 64, 768};
  CHECK(plan.advice().empty());
  plan.available = 767;  // 1.2 times 640 is 768
  CHECK(plan.advice() == ": 63 should fit");
}

TEST_CASE("memory: an error on the way says which batch would fit", "[memory]") {
  const TempFolder folder;
  const RunFolder run(
      Command::pretrain,
      {.settings = {"out=" + (folder / "run"), "data.train=nowhere", "model.depth=18",
                    "model.input=32", "train.batch_size=64", "train.accumulate=1"}});
  Pretraining training(run.settings(), device());
  const MemoryPlan plan{[](int batch) { return std::int64_t{10} * batch; }, 64, 600};
  const Tensor images(device(), {1}, DType::f32);
  TrainTask task{.store = training.store,
                 .optimizer = training.optimizer,
                 .values = training.values,
                 .names = Pretraining::kNames,
                 .views = 2,
                 .load = [&] { return images.raw(); },
                 .pass = [] { throw OutOfMemory("a tensor: out of memory"); },
                 .memory = plan};
  const TrainPlan steps = TrainPlan::of(run.settings().train, 640);
  CHECK_THROWS_WITH(train(run, steps, task),
                    "a tensor: out of memory; use a smaller train.batch_size (and a larger "
                    "train.accumulate): 50 should fit");
}

TEST_CASE("memory: a batch that cannot fit is refused before the first step", "[memory]") {
  if (*PECLR_SANITIZERS) {
    WARN("skipped: a sanitizer's shadow memory is most of the address space");
    return;
  }
  const TempFolder folder;
  REQUIRE(run_peclr({"synth", "--out", folder / "hands", "--count", "16"}).exit_code == 0);
  const ProgramResult result =
      run_peclr({"pretrain", "out=" + (folder / "run"), "data.train=" + (folder / "hands"),
                 "device=cpu", "model.depth=50", "model.input=512", "train.batch_size=16",
                 "train.accumulate=1", "threads=1"},
                {.address_bytes = std::int64_t{4} << 30});
  INFO(described(result));
  CHECK(result.refuses(
      1, {"out of memory: train.batch_size=16 needs at least", "there are 4096", "should fit"}));
}

TEST_CASE("memory: predict has no batch that could be smaller, and its advice knows it",
          "[memory]") {
  if (*PECLR_SANITIZERS) {
    WARN("skipped: a sanitizer's shadow memory is most of the address space");
    return;
  }
  const SmallRuns runs(4);
  REQUIRE(run_peclr(runs.start("finetune", "run", {"train.epochs=1", "train.batch_size=4"}))
              .exit_code == 0);
  const TensorFile trained(runs.file("run", "model.safetensors"));
  Metadata metadata = trained.metadata();
  metadata[kInputKey] = "1024";
  const std::string large = runs.folder / "large.safetensors";
  write_safetensors(large, trained.tensors(), metadata);
  const ProgramResult result =
      run_peclr({"predict", "--init-from", large, "out=" + runs.out("run"),
                 "data.eval=" + (runs.folder / "hands"), "device=cpu", "threads=1"},
                {.address_bytes = std::int64_t{2} << 30});
  INFO(described(result));
  CHECK(result.refuses(1, {"out of memory: ", "MiB asked for", "end other programs"}));
  CHECK_FALSE(result.says("batch_size"));
}

}  // namespace
}  // namespace peclr
