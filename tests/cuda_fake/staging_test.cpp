// SPDX-License-Identifier: Apache-2.0
#include "engine/cuda/pinned_staging.h"

#include <catch2/catch.hpp>

#include "engine/cuda/context.h"
#include "tests/cuda_fake/runtime/streams.h"

namespace peclr::fake {
namespace {

TEST_CASE("cuda staging: batches join a stream by the same event", "[fake]") {
  const cuda::Context gpu(0);
  cuda::PinnedStaging staging;
  const int before = events_made();
  for (int i = 0; i < 3; ++i) staging.join(gpu.stream());
  CHECK(events_made() == before);
}

}  // namespace
}  // namespace peclr::fake
