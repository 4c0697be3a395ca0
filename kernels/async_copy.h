// SPDX-License-Identifier: Apache-2.0
// Copies from global to shared memory that go on while the thread calculates. In groups: what was
// added since the last commit is one. A thread's own copies are seen by itself after wait, by the
// block after a barrier too.
#pragma once
#include <cstdint>

#include "kernels/device.h"
#include "kernels/pack.h"

namespace peclr::kernels {

class AsyncCopies {
 public:
  template <class T>
  PECLR_DEVICE void add(Pack<T>* shared, const T* global) {
#if defined(__CUDACC__)
    const auto address = static_cast<unsigned>(__cvta_generic_to_shared(shared));
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(address), "l"(global)
                 : "memory");
#else
    // Undefined until waited for: NaN.
    std::memset(static_cast<void*>(shared), 0xFF, sizeof *shared);
    pending_[count_++ % kMostPending] = {shared, pack_detail::words_at(global)};
#endif
  }

  PECLR_DEVICE void commit() {
#if defined(__CUDACC__)
    asm volatile("cp.async.commit_group;" ::: "memory");
#else
    ends_[groups_++ % kMostGroups] = count_;
#endif
  }

  // Returns when at most the latest kFlying groups are not complete.
  template <int kFlying>
  PECLR_DEVICE void wait() {
#if defined(__CUDACC__)
    asm volatile("cp.async.wait_group %0;" ::"n"(kFlying) : "memory");
#else
    static_assert(kFlying < kMostGroups);
    if (groups_ <= kFlying) return;
    for (const unsigned end = ends_[(groups_ - kFlying - 1) % kMostGroups]; done_ < end; ++done_) {
      const Pending& copy = pending_[done_ % kMostPending];
      std::memcpy(copy.to, copy.from, 16);
    }
#endif
  }

#if !defined(__CUDACC__)
 private:
  static constexpr unsigned kMostPending = 64, kMostGroups = 4;
  struct Pending {
    void* to;
    const void* from;
  };
  Pending pending_[kMostPending];
  unsigned ends_[kMostGroups];
  unsigned count_ = 0, groups_ = 0, done_ = 0;
#endif
};

}  // namespace peclr::kernels
