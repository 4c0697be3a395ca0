// SPDX-License-Identifier: Apache-2.0
// The engine's promise: after the first step of training no storage is asked of the system again,
// neither for tensors nor for scratch nor for the weights in oneDNN's layouts.
#include <catch2/catch.hpp>

#include "tests/support/training.h"

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

TEST_CASE("memory is steady after the first step in bf16", "[memory]") {
  if (!has_bf16(*new_device())) {
    WARN("this processor has no bf16 arithmetic");
    return;
  }
  check_steady<ContrastiveTraining>({.compute = DType::bf16});
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
