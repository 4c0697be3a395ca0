// SPDX-License-Identifier: Apache-2.0
// For kernels/norm_act*.cu.
#pragma once
#include "kernels/lanes.h"
#include "kernels/launch.h"
#include "kernels/norm_act.h"
#include "kernels/norm_act_kernels.h"

namespace peclr::kernels {

// The lines of a thread's channels.
template <int kLanes>
struct NormLines {
  float scale[kLanes], shift[kLanes];

  PECLR_DEVICE NormLines(const NormChannels& channels, int first) {
    PECLR_UNROLL
    for (int l = 0; l < kLanes; ++l) set(l, channels, first + l, channels.inv_std[first + l]);
  }
  PECLR_DEVICE NormLines(const NormChannels& channels, int first, float eps) {
    PECLR_UNROLL
    for (int l = 0; l < kLanes; ++l)
      set(l, channels, first + l, 1.f / sqrtf(channels.inv_std[first + l] + eps));
  }
  PECLR_DEVICE float at(int l, float x) const { return fmaf(x, scale[l], shift[l]); }

 private:
  PECLR_DEVICE void set(int l, const NormChannels& channels, int c, float inv_std) {
    scale[l] = channels.gamma[c] * inv_std;
    shift[l] = fmaf(-channels.mean[c], scale[l], channels.beta[c]);
  }
};

// As with_lanes, for values that have signs beside them, where `signs` is not null: whose packs are
// as the channels allow.
template <class T, class F>
void with_norm_lanes(const NormExtent& e, const std::uint8_t* signs,
                     std::initializer_list<const void*> addresses, F body) {
  with_lanes<T>(e.channels, addresses, [&]<int kLanes>() {
    require(!signs || kLanes > 1 || e.channels % kPackSize<T> != 0,
            "norm: beside signs, values must be aligned to 16 bytes");
    body.template operator()<kLanes>();
  });
}

}  // namespace peclr::kernels
