// SPDX-License-Identifier: Apache-2.0
// data.cache: where decoded pictures are kept decides how fast they come and nothing else.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "tests/support/device.h"
#include "tests/support/small_runs.h"

namespace peclr {
namespace {

using namespace test;

// Five epochs of two steps. Pictures are kept from the third step on, when at most five batches
// have been made.
struct Runs : SmallRuns {
  Runs() : SmallRuns(8) {}

  ProgramResult run(const std::string& name, const Args& more) const {
    Args all{"train.epochs=5", "train.batch_size=4"};
    all.insert(all.end(), more.begin(), more.end());
    return run_peclr(start("pretrain", name, all));
  }
  // `kept`: what the run must say of its pictures.
  std::string trained(const std::string& name, const Args& more, const char* kept = "") const {
    const ProgramResult result = run(name, more);
    INFO(described(result));
    REQUIRE(result.exit_code == 0);
    CHECK(result.says(kept));
    return model(name);
  }
};

TEST_CASE("data.cache: the model is the same, byte for byte", "[trainer][determinism]") {
  const Runs runs;
  const std::string device = std::string("device=") + device_name();
  const bool cpu = std::string(device_name()) == "cpu";
  const std::string without = runs.trained("none", {device, "data.cache=none"});
  CHECK(runs.trained("auto", {device}, cpu ? "" : "pictures: 8 kept in the device's memory") ==
        without);
  if (cpu) {  // four pictures of 74 x 74 (224, reduced)
    CHECK(runs.trained("half", {device, "data.cache_gb=0.0001"}) == without);
    return;
  }
  CHECK(runs.trained("pinned", {device, "data.cache=pinned", "data.workers=3"},
                     "0 kept in the device's memory, 8 in pinned memory") == without);
}

TEST_CASE("data.cache: a GPU's memory is refused on the CPU", "[trainer]") {
  const Runs runs;
  for (const char* where : {"gpu", "pinned"}) {
    const ProgramResult result =
        runs.run(where, {"device=cpu", std::string("data.cache=") + where});
    INFO(described(result));
    CHECK(result.refuses(2, {std::string("data.cache=") + where, "not on a GPU"}));
  }
}

}  // namespace
}  // namespace peclr
