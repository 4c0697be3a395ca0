// SPDX-License-Identifier: Apache-2.0
// The inner loop of a matrix product whose right side lies packed in panels of kPanel columns. The
// library's product is not used because NT-Xent works on tiles that never leave the cache.
#pragma once
#include <cstdint>

#include "kernels/host_device.h"

PECLR_BEGIN

// kStrip x kPanel sums fill the vector registers and leave room for the operands.
#if defined(__AVX512F__)
inline constexpr int kPanelLanes = 16, kStrip = 8;
#elif defined(__AVX__)
inline constexpr int kPanelLanes = 8, kStrip = 4;
#else
inline constexpr int kPanelLanes = 4, kStrip = 4;
#endif
inline constexpr int kPanel = 2 * kPanelLanes;

using PanelLanes __attribute__((vector_size(kPanelLanes * sizeof(float)))) = float;

// The left side: element (row, k) is at[row * row_stride + k * depth_stride].
struct StripView {
  const float* at;
  std::int64_t row_stride, depth_stride;
};

enum class Store { scaled, added };

// out [kStrip, kPanel] = scale * left [kStrip, depth] . panel [depth, kPanel], or added to what is
// there (scale is not read). panel and the rows of out, out_stride apart, are aligned to
// kPanelLanes floats.
template <Store store>
inline void panel_product(StripView left, const float* panel, std::int64_t depth, float scale,
                          float* out, std::int64_t out_stride) {
  PanelLanes sums[kStrip][2] = {};
  for (std::int64_t k = 0; k < depth; ++k) {
    const PanelLanes right[2] = {reinterpret_cast<const PanelLanes*>(panel + k * kPanel)[0],
                                 reinterpret_cast<const PanelLanes*>(panel + k * kPanel)[1]};
    const float* column = left.at + k * left.depth_stride;
#pragma GCC unroll 8
    for (int r = 0; r < kStrip; ++r) {
      const float factor = column[r * left.row_stride];
      sums[r][0] += factor * right[0];
      sums[r][1] += factor * right[1];
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kStrip; ++r) {
    auto* to = reinterpret_cast<PanelLanes*>(out + r * out_stride);
    if constexpr (store == Store::scaled) {
      to[0] = scale * sums[r][0];
      to[1] = scale * sums[r][1];
    } else {
      to[0] += sums[r][0];
      to[1] += sums[r][1];
    }
  }
}

PECLR_END
