// SPDX-License-Identifier: Apache-2.0
// Kernels over channels are written for kLanes values side by side: a 16-byte pack, or a single
// value where the number of channels or an address allows no packs.
#pragma once
#include <cstdint>
#include <initializer_list>

#include "kernels/pack.h"

namespace peclr::kernels {

template <int kLanes, class T>
PECLR_DEVICE Pack<T, kLanes> load_lanes(const T* p) {
  if constexpr (kLanes == 1)
    return {{*p}};
  else
    return load_pack(p);
}

// Of what is read for the last time: does not displace what is worth caching.
template <int kLanes, class T>
PECLR_DEVICE Pack<T, kLanes> load_lanes_streaming(const T* p) {
  if constexpr (kLanes == 1)
    return {{*p}};
  else
    return load_pack_streaming(p);
}

template <int kLanes, class T>
PECLR_DEVICE void store_lanes(T* p, const Pack<float, kLanes>& values) {
  if constexpr (kLanes == 1)
    store(*p, values[0]);
  else
    store_pack(p, from_floats<T>(values));
}

// Calls body.template operator()<kLanes>() with packs where `channels` is a multiple of them and
// all addresses (null is one) are; with single values elsewhere.
template <class T, class F>
void with_lanes(std::int64_t channels, std::initializer_list<const void*> addresses, F body) {
  if (channels % kPackSize<T> == 0 && take_packs(addresses))
    body.template operator()<kPackSize<T>>();
  else
    body.template operator()<1>();
}

}  // namespace peclr::kernels
