// SPDX-License-Identifier: Apache-2.0
// The engine's promise: after the first step of training no storage is asked of the system again,
// neither for tensors nor for scratch nor for the weights in oneDNN's layouts.
#include <catch2/catch.hpp>
#include <cmath>
#include <functional>
#include <type_traits>

#include "engine/cpu/cpu_backend.h"
#include "tests/support/host_allocations.h"
#include "tests/support/training.h"
#include "tools/trainer/step_queue.h"
#if defined(PECLR_SIMT)
#include "engine/gpu/simt_backend.h"
#elif defined(PECLR_CUDA)
#include "engine/cuda/cuda_backend.h"
#endif

namespace peclr {
namespace {

using namespace test;

// How often the system was asked during steps 2, 3 and 4, and how many bytes more are in use after.
struct Growth {
  std::int64_t allocations, bytes;
};
template <class Step>
Growth growth(Backend& backend, Step step) {
  step(0);
  const MemoryStats first = backend.memory();
  for (std::int64_t i = 1; i < 4; ++i) step(i);
  const MemoryStats last = backend.memory();
  return {last.system_allocations - first.system_allocations,
          last.bytes_in_use - first.bytes_in_use};
}

template <class Training>
void check_steady(const TrainingOptions& options, int threads = 1) {
  CAPTURE(name_of(options.compute), options.accumulate, threads);
  const Threads guard(threads);
  const auto backend = new_device();
  Training training(*backend, options);
  const Growth g = growth(*backend, [&](std::int64_t i) { training.step(i); });
  CHECK(g.allocations == 0);
  CHECK(g.bytes == 0);
}

TEST_CASE("memory is steady after the first step of pre-training", "[memory]") {
  check_steady<ContrastiveTraining>({.optimizer = OptimizerKind::lars}, 2);
  check_steady<ContrastiveTraining>({.accumulate = 2});
}

TEST_CASE("memory is steady after the first step of fine-tuning", "[memory]") {
  check_steady<HandTraining>({});
  check_steady<HandTraining>({.accumulate = 2});
}

TEST_CASE("memory is steady after the first step in bf16", "[memory][compiles]") {
  if (!has_bf16(*new_device())) {
    WARN("this processor has no bf16 arithmetic");
    return;
  }
  check_steady<ContrastiveTraining>({.compute = DType::bf16});
}

// A device that writes down the blocks it gives.
template <class Base>
struct Traced : Base {
  void* allocate(std::size_t bytes) override {
    void* const block = Base::allocate(bytes);
    addresses.push_back(block);
    return block;
  }
  std::vector<void*> addresses;
};

// What one step asks for: the addresses it is given, and the calls of operator new on its thread.
struct Asked {
  std::vector<void*> addresses;
  std::int64_t host_allocations;
  bool operator==(const Asked&) const = default;
};
template <class Device, class Step>
Asked asked(Device& device, Step step) {
  device.addresses.clear();
  const std::int64_t before = host_allocations();
  step();
  return {device.addresses, host_allocations() - before};
}

// With `leak` each step keeps a tensor: the planted fault.
template <class Device, class Training>
bool same_addresses(TrainingOptions options, bool leak = false) {
  const Threads guard(1);
  options.replay = StepRunner::Replay::never;
  Traced<Device> device;
  Training training(device, options);
  device.addresses.reserve(1 << 16);  // its growth is no step's
  std::vector<Tensor> kept;
  kept.reserve(8);
  const auto step = [&](std::int64_t i) {
    return asked(device, [&] {
      if (leak) kept.emplace_back(device, Shape{8, 512}, DType::f32);
      training.step(i);
    });
  };
  step(0);
  const Asked second = step(1), third = step(2), fourth = step(3);
  CHECK(second.addresses.size() > 100);
  const bool same = second.addresses == third.addresses && third.addresses == fourth.addresses;
  // The emulator's own are not the engine's.
  if (counts_host_allocations() && std::is_same_v<Device, CpuBackend> && !leak) {
    CHECK(second.host_allocations == third.host_allocations);
    CHECK(third.host_allocations == fourth.host_allocations);
    CHECK(second.host_allocations > 0);  // or nothing is counted
  }
  return same;
}

template <class Device>
void check_addresses() {
  const TrainingOptions lars{.optimizer = OptimizerKind::lars}, two{.accumulate = 2};
  CHECK(same_addresses<Device, ContrastiveTraining>(lars));
  CHECK(same_addresses<Device, ContrastiveTraining>(two));
  CHECK(same_addresses<Device, HandTraining>({}));
  CHECK(same_addresses<Device, HandTraining>(two));
  CHECK_FALSE(same_addresses<Device, HandTraining>({}, true));
}

TEST_CASE("memory: from the second step on all addresses are those of the step before",
          "[memory]") {
  check_addresses<CpuBackend>();
}

// Devices that record: the emulated one, and a GPU where the tests are asked to take it.
#if defined(PECLR_SIMT)
using RecordingDevice = SimtBackend;
bool nothing_records() { return false; }
#elif defined(PECLR_CUDA)
using RecordingDevice = CudaBackend;
bool nothing_records() {
  if (std::string(device_name()) == "cuda") return false;
  WARN("skipped: " << device_name() << " does not record; PECLR_TEST_DEVICE=cuda does");
  return true;
}
#endif

#if defined(PECLR_SIMT) || defined(PECLR_CUDA)
TEST_CASE("memory: on a device that records, too, all addresses are those of the step before",
          "[memory]") {
  if (nothing_records()) return;
  check_addresses<RecordingDevice>();
}

// Five steps by replays and without: all that they change, and what replays ask for.
template <class Training>
std::vector<std::vector<float>> five_steps(TrainingOptions options, StepRunner::Replay replay) {
  const Threads guard(1);
  options.replay = replay;
  Traced<RecordingDevice> device;
  Training training(device, options);
  std::vector<float> losses;
  for (std::int64_t i = 0; i < 5; ++i) {
    const std::int64_t replays = training.steps->runner.replays();
    const Asked step = asked(device, [&] { losses.push_back(training.step(i)); });
    if (i == 4 && replay == StepRunner::Replay::where_possible) {
      CHECK(training.steps->runner.replays() - replays == options.accumulate);
      CHECK(step.addresses.size() < 8);  // beside the recording, copies of numbers
    }
  }
  if (replay == StepRunner::Replay::never) CHECK(training.steps->runner.replays() == 0);
  std::vector<std::vector<float>> state{losses, training.store.values().to_host(),
                                        training.optimizer->first_moment().to_host(),
                                        training.optimizer->second_moment().to_host()};
  for (const StateBuffer& b : training.store.buffers()) state.push_back(b.value.to_host());
  std::vector<float> counts;
  for (const StateCounter& c : training.store.counters())
    counts.push_back(static_cast<float>(c.value));
  state.push_back(counts);
  for (const float loss : losses) CHECK(std::isfinite(loss));
  return state;
}

template <class Training>
void check_replays(const TrainingOptions& options) {
  const auto plainly = five_steps<Training>(options, StepRunner::Replay::never);
  CHECK((plainly == five_steps<Training>(options, StepRunner::Replay::where_possible)));
}

TEST_CASE("a recorded step gives the bits of one that is asked for anew", "[memory][recording]") {
  if (nothing_records()) return;
  check_replays<ContrastiveTraining>({.optimizer = OptimizerKind::lars});
  check_replays<HandTraining>({});
  check_replays<HandTraining>({.accumulate = 3});
  if (has_bf16(*new_device())) check_replays<ContrastiveTraining>({.compute = DType::bf16});
}

// A device whose recordings are empty: what is left of a step is the engine's own work.
struct NoWork final : Recording {
  void replay() override {}
};
struct IdleDevice final : RecordingDevice {
  std::unique_ptr<Recording> record(const std::function<void()>&) override {
    return std::make_unique<NoWork>();
  }
};

TEST_CASE("a replayed step asks for no memory, neither of the device nor of the host",
          "[memory][recording]") {
  if (nothing_records()) return;
  if (!counts_host_allocations()) {
    WARN("skipped: allocations of the host are not counted in this build");
    return;
  }
  IdleDevice device;
  HandTraining training(device, {});
  const Steps& steps = *training.steps;
  float reported = 0;
  StepQueue queue(device, 1, [&](const StepResult& result) { reported = result.values[0]; });
  const bool leak = GENERATE(false, true);
  std::vector<std::unique_ptr<int>> kept;
  const std::function<void()> body = [&] {
    training.steps->body({nullptr, true, true}, [&](Tape& tape) { return training.forward(tape); });
  };
  std::int64_t host = 0, system = 0;
  for (std::int64_t i = 0; i < 6; ++i) {
    const std::int64_t host_before = host_allocations(),
                       system_before = device.memory().system_allocations;
    training.optimizer->begin(1e-3, i);
    training.steps->runner.run({nullptr, true, true}, body);
    queue.push({i + 1, 1, 1e-3}, steps.loss, training.optimizer->norm());
    if (leak) kept.push_back(std::make_unique<int>(1));
    host = host_allocations() - host_before;
    system = device.memory().system_allocations - system_before;
  }
  CHECK(steps.runner.replays() > 2);
  CHECK(system == 0);
  CHECK((host == 0) == !leak);
}

TEST_CASE("what cannot be recorded is an error that says what", "[memory][recording]") {
  if (nothing_records()) return;
  RecordingDevice device;
  const Tensor t = Tensor::from_host(device, {4}, std::vector<float>{1, 2, 3, 4});
  const auto words = [&](const std::function<void()>& body) {
    try {
      device.record(body);
    } catch (const Error& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  CHECK(words([&] { t.to_host(); }).find("copies to the host") != std::string::npos);
  CHECK(words([&] { t.copy_from_host(std::vector<float>(4)); }).find("copies from the host") !=
        std::string::npos);
  const std::string memory = words([&] { Tensor(device, {1 << 20}, DType::f32); });
  CAPTURE(memory);  // CUDA has words of its own
  CHECK((memory.find("asks the system") != std::string::npos ||
         memory.find("allocating GPU memory") != std::string::npos));
  CHECK(words([&] { Tensor::lasting(device, {4}, DType::f32); }).find("lasts") !=
        std::string::npos);
  // Nothing is done before the replay, and everything at each.
  const auto doubled = device.record([&] { device.add(t, t); });
  CHECK(t.to_host() == std::vector<float>{1, 2, 3, 4});
  doubled->replay();
  doubled->replay();
  CHECK(t.to_host() == std::vector<float>{4, 8, 12, 16});
}

TEST_CASE("a step that cannot be recorded goes on without, and leaves what it should",
          "[memory][recording]") {
  if (nothing_records()) return;
  const Threads guard(1);
  const auto run = [](bool fault) {
    RecordingDevice device;
    HandTraining training(device, {});
    float read = 0;
    for (std::int64_t i = 0; i < 4; ++i)
      training.steps->step(i, [&](Tape& tape) {
        const auto out =
            training.model.forward(tape, {training.images}, training.cameras, DType::f32);
        const Variable loss =
            ops::pose_loss(tape, out.lifted.uv, out.lifted.z_rel, out.root, training.target).loss;
        if (fault) read = loss.value.to_host()[0];  // the planted fault: it waits for the device
        return loss;
      });
    CHECK((training.steps->runner.replays() == 0) == fault);
    std::vector<float> state = training.store.values().to_host();
    for (const StateCounter& c : training.store.counters())
      state.push_back(static_cast<float>(c.value));
    state.push_back(fault ? 0 : read);
    return state;
  };
  CHECK((run(true) == run(false)));
}
#endif

// Tried for once, given up, or made: whether steps' blocks go back when the system has no more.
template <class Device>
bool blocks_go_back() {
  const Threads guard(1);
  Device device;
  HandTraining training(device, {});
  for (std::int64_t i = 0; i < 4; ++i) training.step(i);
  const MemoryStats before = device.memory();
  REQUIRE(before.bytes_reserved > before.bytes_in_use);
  CHECK_THROWS_AS(Tensor(device, {std::int64_t{1} << 48}, DType::f32), OutOfMemory);
  return device.memory().bytes_reserved == before.bytes_in_use;
}

TEST_CASE("memory: steps' blocks are kept from the system only where a recording holds them",
          "[memory]") {
  if (*PECLR_SANITIZERS) {
    WARN("skipped: a sanitizer ends the program that asks for too much");
    return;
  }
  CHECK(blocks_go_back<CpuBackend>());
#if defined(PECLR_SIMT)
  struct Refuses final : RecordingDevice {
    std::unique_ptr<Recording> record(const std::function<void()>&) override {
      fail(ErrorKind::failure, "planted");
    }
  };
  CHECK(blocks_go_back<Refuses>());
  CHECK_FALSE(blocks_go_back<RecordingDevice>());
#endif
}

TEST_CASE("memory: a tensor kept in every step is noticed", "[memory]") {
  const Threads guard(1);
  const auto backend = new_device();
  HandTraining training(*backend, {});
  std::vector<Tensor> kept;
  const Growth g = growth(*backend, [&](std::int64_t i) {
    training.step(i);
    kept.emplace_back(*backend, Shape{64, 1024}, DType::f32);
  });
  CHECK(g.bytes == 3 * 64 * 1024 * 4);
  CHECK(g.allocations > 0);
}

}  // namespace
}  // namespace peclr
