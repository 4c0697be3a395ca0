// SPDX-License-Identifier: Apache-2.0
// Steps that the device was given and whose results the host has not read. The device never waits
// for the host: it has the next step before the results of this one are asked for.
#pragma once
#include <array>
#include <functional>
#include <memory>
#include <utility>

#include "engine/backend.h"

namespace peclr {

struct StepNumbers {
  std::int64_t done, epoch;  // counted from 1
  double learning_rate;
};
// What a step left: the sums of its batches' values, and the gradient's norm.
struct StepResult {
  StepNumbers step;
  std::span<const float> values;
  float norm;
};

class StepQueue {
 public:
  using Report = std::function<void(const StepResult&)>;

  // For steps that leave `values` numbers. `report` is given every step, in order; what it throws
  // passes. The backend outlives this.
  StepQueue(Backend& backend, std::int64_t values, Report report) : report_(std::move(report)) {
    for (Place& place : places_) place = {{}, backend.host_copy(values), backend.host_copy(1)};
  }

  // A step whose results will be in `values` and `norm` [1]. Reports the step before, and this one
  // if it is done.
  void push(const StepNumbers& step, const Tensor& values, const Tensor& norm) {
    Place& place = places_[static_cast<std::size_t>(pushed_ % 2)];
    place.step = step;
    place.values->fetch(values);
    place.norm->fetch(norm);
    ++pushed_;
    if (pushed_ - reported_ == 2) report_next();
    if (place.values->ready() && place.norm->ready()) report_next();
  }
  void finish() {
    if (reported_ < pushed_) report_next();
  }

 private:
  struct Place {
    StepNumbers step;
    std::unique_ptr<HostCopy> values, norm;
  };

  void report_next() {
    Place& place = places_[static_cast<std::size_t>(reported_++ % 2)];
    report_({place.step, place.values->wait(), place.norm->wait()[0]});
  }

  Report report_;
  std::array<Place, 2> places_;
  std::int64_t pushed_ = 0, reported_ = 0;
};

}  // namespace peclr
