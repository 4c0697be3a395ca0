// SPDX-License-Identifier: Apache-2.0
// Numbers on their way from a device to the host: Backend::fetch.
#pragma once
#include <span>
#include <utility>
#include <vector>

namespace peclr {

class HostCopy {
 public:
  HostCopy() = default;
  virtual ~HostCopy() = default;
  HostCopy(const HostCopy&) = delete;
  HostCopy& operator=(const HostCopy&) = delete;

  virtual bool ready() const = 0;             // wait() would not wait
  virtual std::span<const float> wait() = 0;  // valid while this lives
};

// Of a device whose work is done when it is asked for.
class DoneCopy final : public HostCopy {
 public:
  explicit DoneCopy(std::vector<float> values) : values_(std::move(values)) {}
  bool ready() const override { return true; }
  std::span<const float> wait() override { return values_; }

 private:
  std::vector<float> values_;
};

}  // namespace peclr
