// SPDX-License-Identifier: Apache-2.0
#include "engine/cpu/onednn.h"

#include <catch2/catch.hpp>

#include "engine/cpu/cpu_backend.h"
#include "tests/support/files.h"

namespace peclr {
namespace {

TEST_CASE("oneDNN: a convolution that it cannot do is refused each time", "[ops]") {
  CpuBackend backend;
  OneDnn onednn(backend.allocator());
  const ConvShape shape{1, 4, 4, 16, 16, 3, 1, 1, 16, 16, DType::u8, DType::u8};
  for (int time = 1; time <= 2; ++time) {
    CAPTURE(time);
    CHECK(test::caught([&] {
            onednn.conv_forward(shape, nullptr, {nullptr, 1}, nullptr);
          }).names("no arithmetic on u8"));
  }
}

}  // namespace
}  // namespace peclr
