// SPDX-License-Identifier: Apache-2.0
// Staging in pinned memory, which the card reads by itself, in a stream of its own: copies for the
// next steps run beside the work of this one.
#pragma once
#include <map>
#include <memory>
#include <mutex>

#include "engine/gpu/staging.h"

struct CUevent_st;

namespace peclr::cuda {

class PinnedStaging final : public gpu::Staging {
 public:
  PinnedStaging();
  ~PinnedStaging() override;
  PinnedStaging(const PinnedStaging&) = delete;
  PinnedStaging& operator=(const PinnedStaging&) = delete;

  std::byte* allocate(Side side, std::size_t bytes) override;
  void release(Side side, std::byte* block) noexcept override;
  std::size_t room() override;
  void upload(const std::byte* from, std::byte* to, std::size_t bytes) override;
  void join(Stream stream) override;
  // Of one stream only: what was marked earlier is done earlier.
  std::uint64_t mark(Stream stream) override;
  void wait(std::uint64_t mark) override;

 private:
  using Event = std::shared_ptr<CUevent_st>;

  Stream copies_ = nullptr;
  CUevent_st* copied_ = nullptr;  // what a stream that joins waits for
  std::mutex mutex_;
  std::uint64_t last_ = 0;
  std::map<std::uint64_t, Event> open_;  // marks that nobody has seen done
};

}  // namespace peclr::cuda
