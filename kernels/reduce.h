// SPDX-License-Identifier: Apache-2.0
// Folds over the lanes of a warp and the threads of a block, in an order that is always the same:
// the same bits on every run, and in every thread that gets the result.
//
// `merge(a, b)` is associative up to rounding and takes the values of lower lanes first. T is any
// trivially copyable type whose size is a multiple of 4 bytes.
#pragma once
#include <bit>
#include <type_traits>

#include "kernels/device.h"

namespace peclr::kernels {

struct Add {
  template <class T>
  PECLR_DEVICE T operator()(T a, T b) const {
    return a + b;
  }
};

// The value of lane `index ^ bits`.
template <class T>
PECLR_DEVICE T shuffle_xor(const T& value, int bits) {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) % 4 == 0);
  struct Words {
    unsigned word[sizeof(T) / 4];
  };
  Words words = std::bit_cast<Words>(value);
  PECLR_UNROLL
  for (unsigned& word : words.word) word = __shfl_xor_sync(kAllLanes, word, bits);
  return std::bit_cast<T>(words);
}

// Each group of kLanes (a power of two) neighbouring lanes folds its values; all lanes of the group
// get the result. All 32 lanes of the warp must call.
template <int kLanes = kWarp, class T, class Merge>
PECLR_DEVICE T warp_fold(T value, Merge merge) {
  static_assert(kLanes > 0 && kLanes <= kWarp && (kLanes & (kLanes - 1)) == 0);
  PECLR_UNROLL
  for (int bits = 1; bits < kLanes; bits *= 2) {
    const T other = shuffle_xor(value, bits);
    value = lane_index() & bits ? merge(other, value) : merge(value, other);
  }
  return value;
}

// All kThreads threads of the block must call, and all get the result. Begins with the warps,
// `partial` (shared) holds one value for each. A barrier at the end: `partial` can be used again.
template <int kThreads, class T, class Merge>
PECLR_DEVICE T block_fold(T value, Merge merge, T (&partial)[kThreads / kWarp]) {
  static_assert(kThreads % kWarp == 0);
  value = warp_fold(value, merge);
  if (lane_index() == 0) partial[warp_index()] = value;
  __syncthreads();
  value = partial[0];
  PECLR_UNROLL
  for (int warp = 1; warp < kThreads / kWarp; ++warp) value = merge(value, partial[warp]);
  __syncthreads();
  return value;
}

}  // namespace peclr::kernels
