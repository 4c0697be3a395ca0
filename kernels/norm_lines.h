// SPDX-License-Identifier: Apache-2.0
// What the kernels of norms share: for kernels/norm_act*.cu and norm_max_pool.cu.
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

  template <class Channels>
  PECLR_DEVICE NormLines(const Channels& channels, int first) {
    PECLR_UNROLL
    for (int l = 0; l < kLanes; ++l) {
      const int c = first + l;
      scale[l] = channels.gamma[c] * inv_std(channels, c);
      shift[l] = fmaf(-channels.mean[c], scale[l], channels.beta[c]);
    }
  }
  PECLR_DEVICE float at(int l, float x) const { return fmaf(x, scale[l], shift[l]); }

 private:
  PECLR_DEVICE static float inv_std(const NormChannels& channels, int c) {
    return channels.inv_std[c];
  }
  PECLR_DEVICE static float inv_std(const NormRunning& channels, int c) {
    return 1.f / sqrtf(channels.variance[c] + channels.eps);
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
