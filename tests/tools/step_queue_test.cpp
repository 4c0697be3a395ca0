// SPDX-License-Identifier: Apache-2.0
// Results are read one step late where the device is still at work, at once where it is done.
#include "tools/trainer/step_queue.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <stdexcept>
#include <vector>

#include "engine/cpu/cpu_backend.h"

namespace peclr {
namespace {

// A device whose copies are done when `done_until` says so; waiting for one moves it on.
struct LateDevice final : CpuBackend {
  std::unique_ptr<HostCopy> host_copy(std::int64_t count) override;
  float done_until = 0;
  std::vector<float> waited_for;
};

class LateCopy final : public HostCopy {
 public:
  explicit LateCopy(LateDevice& device) : device_(device) {}
  void fetch(const Tensor& from) override { value_ = from.to_host()[0]; }
  bool ready() const override { return device_.done_until >= value_; }
  std::span<const float> wait() override {
    if (!ready()) device_.waited_for.push_back(value_);
    device_.done_until = std::max(device_.done_until, value_);
    return {&value_, 1};
  }

 private:
  LateDevice& device_;
  float value_ = 0;
};

std::unique_ptr<HostCopy> LateDevice::host_copy(std::int64_t) {
  return std::make_unique<LateCopy>(*this);
}

struct Run {
  LateDevice device;
  std::vector<float> reported;
  StepQueue queue{device, 1, [this](const StepResult& result) {
                    reported.push_back(result.values[0]);
                    CHECK(static_cast<float>(result.step.done) == result.norm);
                    if (result.norm == 5) throw std::runtime_error("the fifth");
                  }};
  void push(std::int64_t step) {
    const Tensor number =
        Tensor::from_host(device, {1}, std::vector<float>{static_cast<float>(step)});
    queue.push({step, 1, 0.1}, number, number);
  }
};

TEST_CASE("step queue: a device at work is never waited for in its newest step", "[trainer]") {
  Run run;
  run.push(1);
  CHECK(run.reported.empty());
  CHECK(run.device.waited_for.empty());
  run.push(2);
  CHECK(run.reported == std::vector<float>{1});
  run.push(3);
  CHECK(run.reported == std::vector<float>{1, 2});
  CHECK(run.device.waited_for == std::vector<float>{1, 2});
  run.queue.finish();
  CHECK(run.reported == std::vector<float>{1, 2, 3});
  run.queue.finish();
  CHECK(run.reported.size() == 3);
}

TEST_CASE("step queue: what is done is reported at once", "[trainer]") {
  Run run;
  run.device.done_until = 3;
  for (std::int64_t step : {1, 2, 3}) {
    run.push(step);
    CHECK(run.reported.back() == static_cast<float>(step));
  }
  CHECK(run.device.waited_for.empty());
}

TEST_CASE("step queue: a step that fails is the last that is reported", "[trainer]") {
  Run run;
  for (std::int64_t step : {1, 2, 3, 4, 5}) run.push(step);
  CHECK_THROWS_WITH(run.push(6), "the fifth");
  CHECK(run.reported == std::vector<float>{1, 2, 3, 4, 5});
}

}  // namespace
}  // namespace peclr
