// SPDX-License-Identifier: Apache-2.0
// L floats side by side, loaded from and stored to f32 or bf16. GCC's vector types, because loops
// of 16 that are unrolled before they are vectorised lose most of the speed in bf16.
#pragma once
#include <cstdint>
#include <cstring>
#include <type_traits>

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

#include "kernels/bf16.h"
#include "kernels/host_device.h"

PECLR_BEGIN

#if defined(__AVX512F__)
inline constexpr int kStreamingLanes = 16;
inline void fence() { _mm_sfence(); }
#else
inline constexpr int kStreamingLanes = 0;
inline void fence() {}
#endif

// The vector types of L lanes and what g++ 12 cannot convert within a template.
template <int L>
struct LaneTypes;
#define PECLR_LANE_TYPES(L)                                                           \
  template <>                                                                         \
  struct LaneTypes<L> {                                                               \
    typedef float F __attribute__((vector_size(4 * L)));                              \
    typedef std::uint32_t U __attribute__((vector_size(4 * L)));                      \
    typedef std::uint16_t H __attribute__((vector_size(2 * L)));                      \
    typedef std::uint8_t B __attribute__((vector_size(L)));                           \
    static H narrowed(const U& bits) { return __builtin_convertvector(bits, H); }     \
    static U from_bytes(const B& bytes) { return __builtin_convertvector(bytes, U); } \
    static B to_bytes(const U& words) { return __builtin_convertvector(words, B); }   \
  };
PECLR_LANE_TYPES(8)
PECLR_LANE_TYPES(16)
#undef PECLR_LANE_TYPES

template <>
struct LaneTypes<1> {
  using F = float;
  using U = std::uint32_t;
  using B = std::uint8_t;
  static U from_bytes(B byte) { return byte; }
  static B to_bytes(U word) { return static_cast<B>(word); }
};

// g++ 12 would widen sixteen in two parts.
template <int L>
inline typename LaneTypes<L>::U widened(const typename LaneTypes<L>::H& half) {
#if defined(__AVX512F__)
  if constexpr (L == 16) return (typename LaneTypes<L>::U)_mm512_cvtepu16_epi32((__m256i)half);
#endif
  return __builtin_convertvector(half, typename LaneTypes<L>::U);
}

template <int L>
struct FloatLanes {
  using Types = LaneTypes<L>;
  using F = typename Types::F;
  using U = typename Types::U;
  using H = typename Types::H;
  F v;

  static FloatLanes of(const float* p) {
    FloatLanes out;
    std::memcpy(&out.v, p, sizeof(F));
    return out;
  }
  static FloatLanes of(const bf16* p) {
    H half;
    std::memcpy(&half, p, sizeof(H));
    const U wide = widened<L>(half) << 16;
    FloatLanes out;
    std::memcpy(&out.v, &wide, sizeof(F));
    return out;
  }

  void to(float* p) const { std::memcpy(p, &v, sizeof(F)); }
  // Rounds to nearest even and keeps NaN, as store(bf16&, float) does. The instruction for it takes
  // what lies below the normal numbers for zero.
  void to(bf16* p) const {
#if defined(__AVX512BF16__)
    if constexpr (L == 16) {
      const __m256bh half = _mm512_cvtneps_pbh((__m512)v);
      std::memcpy(&p->bits, &half, sizeof(half));
    } else {
      const __m128bh half = _mm256_cvtneps_pbh((__m256)v);
      std::memcpy(&p->bits, &half, sizeof(half));
    }
#else
    U u;
    std::memcpy(&u, &v, sizeof(U));
    const U rounded = (u + 0x7FFFu + ((u >> 16) & 1u)) >> 16, quiet_nan = (u >> 16) | 0x40u;
    const U bits = (u & 0x7FFFFFFFu) > 0x7F800000u ? quiet_nan : rounded;
    const H half = Types::narrowed(bits);
    std::memcpy(&p->bits, &half, sizeof(H));
#endif
  }

  // Past the caches, where stores side by side fill lines of them; p is aligned to what is stored.
  // Writers end with fence().
  static constexpr bool kStreams = kStreamingLanes == L;
  void stream_to([[maybe_unused]] float* p) const {
#if defined(__AVX512F__)
    if constexpr (kStreams) _mm512_stream_ps(p, (__m512)v);
#endif
  }
  void stream_to([[maybe_unused]] bf16* p) const {
#if defined(__AVX512F__)
    if constexpr (kStreams) {
      bf16 held[L];
      to(held);
      __m256i bits;
      std::memcpy(&bits, held, sizeof bits);
      _mm256_stream_si256(reinterpret_cast<__m256i*>(p), bits);
    }
#endif
  }

  // The activation: x above zero, x * slope below; a NaN stays.
  FloatLanes activated(float slope) const { return {v > 0.f ? v : v * slope}; }
  // g where y is above zero, g * slope elsewhere.
  FloatLanes masked_by(const FloatLanes& y, float slope) const {
    return {y.v > 0.f ? v : v * slope};
  }
};

// One lane needs no vector.
template <>
struct FloatLanes<1> {
  using Types = LaneTypes<1>;
  float v;
  static FloatLanes of(const float* p) { return {*p}; }
  static FloatLanes of(const bf16* p) { return {to_float(*p)}; }
  void to(float* p) const { *p = v; }
  void to(bf16* p) const { store(*p, v); }
  static constexpr bool kStreams = false;
  void stream_to(void*) const {}
  FloatLanes activated(float slope) const { return {v > 0.f ? v : v * slope}; }
  FloatLanes masked_by(const FloatLanes& y, float slope) const {
    return {y.v > 0.f ? v : v * slope};
  }
};

// Writes lanes into out [count]. What is too large to be found in a cache again goes past it: a
// store would first fetch what it overwrites. A thread that has written says finish().
inline constexpr std::int64_t kStreamBytes = std::int64_t{4} << 20;
template <int L, class T>
struct LaneWriter {
  T* out;
  bool stream = false;

  LaneWriter(T* to, std::int64_t count) : out(to) {
    if constexpr (FloatLanes<L>::kStreams)
      stream = count * std::int64_t{sizeof(T)} >= kStreamBytes &&
               reinterpret_cast<std::uintptr_t>(out) % 64 == 0;
  }
  void operator()(std::int64_t at, const FloatLanes<L>& value) const {
    if (stream) return value.stream_to(out + at);
    value.to(out + at);
  }
  void finish() const {
    if (stream) fence();
  }
};

// body<L>() with the lanes that fit channels stored in blocks: 16 on wide machines, 8 where the
// block is 8, 1 for odd numbers of channels.
template <class F>
inline void with_lanes(std::int64_t block, F body) {
  if (block % 16 == 0)
    body.template operator()<16>();
  else if (block % 8 == 0)
    body.template operator()<8>();
  else
    body.template operator()<1>();
}

PECLR_END
