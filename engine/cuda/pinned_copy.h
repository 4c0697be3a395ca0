// SPDX-License-Identifier: Apache-2.0
// The way back from a GPU: numbers that the card writes into pinned memory in its own time, so that
// it can be given the next step before the host has read them.
#pragma once
#include <cstddef>
#include <memory>

#include "engine/host_copy.h"
#include "kernels/stream.h"

struct CUevent_st;

namespace peclr::cuda {

class PinnedCopy final : public HostCopy {
 public:
  // Copies in the order of `stream`. Where `recording` is true, fetch() throws Error(failure).
  // Throws Error(failure) where the system has no memory to pin.
  PinnedCopy(std::int64_t count, Stream stream, const bool& recording);
  ~PinnedCopy() override;

  void fetch(const Tensor& from) override;
  bool ready() const override;
  std::span<const float> wait() override;

 private:
  std::size_t count_;
  Stream stream_;
  const bool& recording_;
  float* values_ = nullptr;
  std::shared_ptr<CUevent_st> done_;
};

}  // namespace peclr::cuda
