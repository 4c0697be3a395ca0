// SPDX-License-Identifier: Apache-2.0
// Loops of batch normalisation, activation and 3x3 max pooling (stride 2, padding 1) in one, on any
// channel block (see NormExtent in norm.h): the map between is never stored.
#pragma once
#include "engine/cpu/hot/norm.h"
#include "engine/cpu/hot/pool.h"

namespace peclr {

// Of each window: the winner's place 0..8 (the first of equals) and the x it was made of; null
// where nobody wants them.
template <class T>
struct WindowWinners {
  std::uint8_t* where = nullptr;
  T* x = nullptr;
};

// What the gradient's second pass reads: x, g of each window, behind the activation, and the
// winners' places; dx = a * (g of the windows that a place has won) + b * x + c by channel.
template <class T>
struct NormUnpool {
  const T *x, *g;
  const std::uint8_t* where;
  const float *a, *b, *c;
};

}  // namespace peclr

PECLR_BEGIN

// y = max over windows of act(in), of values as T has them; slope: of the activation below zero.
template <class T>
void norm_max_pool(const PoolExtent& extent, const NormOn<T>& in, float slope, T* y,
                   const WindowWinners<T>& won);

// The first pass is norm_backward_reduce over the windows, which leaves their g in dy: winners are
// the only places that a gradient reaches.
template <class T>
void norm_max_pool_backward(const PoolExtent& extent, const NormUnpool<T>& in, T* dx);

PECLR_END
