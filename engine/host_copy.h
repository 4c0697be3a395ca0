// SPDX-License-Identifier: Apache-2.0
// A place on the host for a few numbers of a device, which travel there while both do something
// else: Backend::host_copy.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace peclr {

class Tensor;

class HostCopy {
 public:
  HostCopy() = default;
  virtual ~HostCopy() = default;
  HostCopy(const HostCopy&) = delete;
  HostCopy& operator=(const HostCopy&) = delete;

  // f32, as many as there is place for: what `from` holds once all that was asked for is done.
  // Nobody waits yet.
  virtual void fetch(const Tensor& from) = 0;
  virtual bool ready() const = 0;             // wait() would not wait
  virtual std::span<const float> wait() = 0;  // until the next fetch()
};

// Of a device whose work is done when it is asked for.
class DoneCopy final : public HostCopy {
 public:
  explicit DoneCopy(std::int64_t count) : values_(static_cast<std::size_t>(count)) {}
  void fetch(const Tensor& from) override;
  bool ready() const override { return true; }
  std::span<const float> wait() override { return values_; }

 private:
  std::vector<float> values_;
};

}  // namespace peclr
