// SPDX-License-Identifier: Apache-2.0
// Results are read one step late where the device is still at work, at once where it is done.
#include "tools/step_queue.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <stdexcept>
#include <vector>

namespace peclr {
namespace {

// A device whose copies are done when `done_until` says so; waiting for one moves it on.
struct Device {
  std::int64_t done_until = 0;
  std::vector<std::int64_t> waited_for;
};

class Copy final : public HostCopy {
 public:
  Copy(Device& device, std::int64_t step)
      : device_(device), step_(step), value_(static_cast<float>(step)) {}
  bool ready() const override { return device_.done_until >= step_; }
  std::span<const float> wait() override {
    if (!ready()) device_.waited_for.push_back(step_);
    device_.done_until = std::max(device_.done_until, step_);
    return {&value_, 1};
  }

 private:
  Device& device_;
  std::int64_t step_;
  float value_;
};

struct Run {
  Device device;
  std::vector<float> reported;
  StepQueue queue{[this](const QueuedStep& step) {
    reported.push_back(step.values->wait()[0]);
    if (step.norm->wait()[0] == 5) throw std::runtime_error("the fifth");
  }};
  void push(std::int64_t step) {
    queue.push(
        {step, 1, 0.1, std::make_unique<Copy>(device, step), std::make_unique<Copy>(device, step)});
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
  CHECK(run.device.waited_for == std::vector<std::int64_t>{1, 2});
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
