// SPDX-License-Identifier: Apache-2.0
// Steps that the device was given and whose results the host has not read. The device never waits
// for the host: it has the next step before the results of this one are asked for.
#pragma once
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <utility>

#include "engine/host_copy.h"

namespace peclr {

struct QueuedStep {
  std::int64_t done, epoch;  // counted from 1
  double learning_rate;
  std::unique_ptr<HostCopy> values, norm;  // TrainTask::values, Optimizer::norm

  bool ready() const { return values->ready() && norm->ready(); }
};

class StepQueue {
 public:
  // `report` is given every step, in order; what it throws passes.
  explicit StepQueue(std::function<void(const QueuedStep&)> report) : report_(std::move(report)) {}

  // Reports what is ready, and whatever is not but for the newest.
  void push(QueuedStep step) {
    steps_.push_back(std::move(step));
    while (steps_.size() > 1 || (steps_.size() == 1 && steps_.front().ready())) report_first();
  }
  void finish() {
    while (!steps_.empty()) report_first();
  }

 private:
  void report_first() {
    report_(steps_.front());
    steps_.pop_front();
  }

  std::function<void(const QueuedStep&)> report_;
  std::deque<QueuedStep> steps_;
};

}  // namespace peclr
