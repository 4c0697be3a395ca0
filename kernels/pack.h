// SPDX-License-Identifier: Apache-2.0
// 16 bytes at a time: 4 floats, 8 bf16 or 16 bytes in one access. Addresses are multiples of 16.
#pragma once
#include <bit>
#include <cstdint>
#include <initializer_list>

#include "kernels/bf16.h"
#include "kernels/device.h"

namespace peclr::kernels {

template <class T, int N = 16 / static_cast<int>(sizeof(T))>
struct alignas(16) Pack {
  static constexpr int kSize = N;
  T v[N];
  PECLR_DEVICE T& operator[](int i) { return v[i]; }
  PECLR_DEVICE const T& operator[](int i) const { return v[i]; }
};

template <class T>
inline constexpr int kPackSize = Pack<T>::kSize;

// Whether packs can begin at all of these addresses; null is one.
inline bool take_packs(std::initializer_list<const void*> addresses) {
  for (const void* p : addresses)
    if (reinterpret_cast<std::uintptr_t>(p) % 16 != 0) return false;
  return true;
}

namespace pack_detail {
template <class T>
PECLR_DEVICE Pack<T> unpacked(uint4 words) {
  return std::bit_cast<Pack<T>>(words);
}
template <class T>
PECLR_DEVICE uint4 packed(const Pack<T>& pack) {
  return std::bit_cast<uint4>(pack);
}
template <class T>
PECLR_DEVICE const uint4* words_at(const T* p) {
#if !defined(__CUDACC__)
  simt::check_aligned(p, 16, simt::Where::here());
#endif
  return reinterpret_cast<const uint4*>(p);
}
template <class T>
PECLR_DEVICE uint4* words_at(T* p) {
  return const_cast<uint4*>(words_at(static_cast<const T*>(p)));
}
}  // namespace pack_detail

template <class T>
PECLR_DEVICE Pack<T> load_pack(const T* p) {
  return pack_detail::unpacked<T>(*pack_detail::words_at(p));
}
// Of what nobody writes while the kernel runs.
template <class T>
PECLR_DEVICE Pack<T> load_pack_read_only(const T* p) {
  return pack_detail::unpacked<T>(__ldg(pack_detail::words_at(p)));
}
// Read once: does not displace what is worth caching.
template <class T>
PECLR_DEVICE Pack<T> load_pack_streaming(const T* p) {
  return pack_detail::unpacked<T>(__ldcs(pack_detail::words_at(p)));
}
template <class T>
PECLR_DEVICE void store_pack(T* p, const Pack<T>& pack) {
  *pack_detail::words_at(p) = pack_detail::packed(pack);
}
template <class T>
PECLR_DEVICE void store_pack_streaming(T* p, const Pack<T>& pack) {
  __stcs(pack_detail::words_at(p), pack_detail::packed(pack));
}

// The same numbers as floats, to calculate with, and back (rounded to nearest even).
template <class T, int N>
PECLR_DEVICE Pack<float, N> to_floats(const Pack<T, N>& pack) {
  Pack<float, N> floats;
  PECLR_UNROLL
  for (int i = 0; i < N; ++i) floats[i] = to_float(pack[i]);
  return floats;
}
template <class T, int N>
PECLR_DEVICE Pack<T, N> from_floats(const Pack<float, N>& floats) {
  Pack<T, N> pack;
  PECLR_UNROLL
  for (int i = 0; i < N; ++i) store(pack[i], floats[i]);
  return pack;
}

}  // namespace peclr::kernels
