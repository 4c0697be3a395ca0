// SPDX-License-Identifier: Apache-2.0
#include "tools/trainer/batch_parts.h"

#include <array>
#include <catch2/catch.hpp>
#include <vector>

#include "engine/cpu/cpu_backend.h"
#include "tests/support/threads.h"

namespace peclr {
namespace {

struct Elsewhere final : CpuBackend {
  bool works_on_cores() const override { return false; }
};

TEST_CASE(
    "batches: loader threads share the cores with a CPU that trains, beside a GPU all but one",
    "[loader]") {
  const CpuBackend cores;
  const Elsewhere gpu;
  Settings settings;
  const std::vector<std::array<int, 3>> cases{{1, 1, 1}, {2, 1, 1}, {3, 1, 2}, {16, 8, 15}};
  for (const auto& [count, beside_cores, beside_gpu] : cases) {
    const test::Threads guard(count);
    CHECK(loader_threads(settings, cores) == beside_cores);
    CHECK(loader_threads(settings, gpu) == beside_gpu);
  }
  settings.data.workers = 5;
  CHECK(loader_threads(settings, gpu) == 5);
}

}  // namespace
}  // namespace peclr
