// SPDX-License-Identifier: Apache-2.0
// Batch normalisation, activation and 3x3 max pooling (stride 2, padding 1) in one, the map between
// never stored: x [images, height, width, channels] of type T (float or bf16), y [images, (height +
// 1) / 2, (width + 1) / 2, channels]. Packs as in norm_act_kernels.h, whose norm_statistics come
// first. Each is one launch.
#pragma once
#include "kernels/norm_act_kernels.h"
#include "kernels/pool_kernels.h"

namespace peclr::kernels {

// Of each window, as y lies: the winner's place 0..8, the first of equals (a NaN wins), and the x
// that it was made of.
template <class T>
struct PoolWinners {
  std::uint8_t* where;
  T* x;
};

// y: the largest of leaky(x * scale + shift, slope), rounded to T first.
template <class T>
void norm_max_pool(const PoolExtent& extent, const NormChannels& channels, float slope, const T* x,
                   T* y, const PoolWinners<T>& won, Stream stream);
// The same by running statistics, without winners.
template <class T>
void norm_max_pool_running(const PoolExtent& extent, const NormRunning& channels, float slope,
                           const T* x, T* y, Stream stream);

// dx of `branch`, after norm_gradient_sums over the windows: of the winners, which are all that a
// gradient reaches, with their x for the branch's and the number of all places for its `values`.
// in: the same, without signs.
template <class T>
void norm_max_pool_gradient(const PoolExtent& extent, const NormArriving<T>& in,
                            const NormBranch<T>& branch, const std::uint8_t* where, Stream stream);

}  // namespace peclr::kernels
