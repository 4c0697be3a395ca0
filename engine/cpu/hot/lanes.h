// SPDX-License-Identifier: Apache-2.0
// One vector register of doubles that behaves like a double, so that the templates of kernels/ run
// on several samples at once. Lanes never mix, so their number (the instruction set's) does not
// change a result.
#pragma once
#include <cstdint>

#include "kernels/host_device.h"

PECLR_BEGIN

#if defined(__AVX512F__)
inline constexpr int kLanes = 8;
#elif defined(__AVX__)
inline constexpr int kLanes = 4;
#else
inline constexpr int kLanes = 2;
#endif

typedef double DoubleLanes __attribute__((vector_size(8 * kLanes)));
typedef std::int64_t MaskLanes __attribute__((vector_size(8 * kLanes)));
typedef float FloatLanes __attribute__((vector_size(4 * kLanes)));

struct LaneMask {
  MaskLanes v;
};

struct Lanes {
  DoubleLanes v;

  Lanes() = default;
  Lanes(DoubleLanes values) : v(values) {}
  Lanes(double value) : v(value - DoubleLanes{}) {}
  // Lane i from floats[i]; `floats` is aligned to its own size.
  static Lanes load(const float* floats) {
    return __builtin_convertvector(*reinterpret_cast<const FloatLanes*>(floats), DoubleLanes);
  }
  void store(float* floats) const {
    *reinterpret_cast<FloatLanes*>(floats) = __builtin_convertvector(v, FloatLanes);
  }

  friend Lanes operator+(Lanes a, Lanes b) { return a.v + b.v; }
  friend Lanes operator-(Lanes a, Lanes b) { return a.v - b.v; }
  friend Lanes operator*(Lanes a, Lanes b) { return a.v * b.v; }
  friend Lanes operator/(Lanes a, Lanes b) { return a.v / b.v; }
  friend LaneMask operator<(Lanes a, Lanes b) { return {a.v < b.v}; }
  friend LaneMask operator==(Lanes a, Lanes b) { return {a.v == b.v}; }
};

inline Lanes choose(LaneMask condition, Lanes yes, Lanes no) { return condition.v ? yes.v : no.v; }
inline Lanes magnitude(Lanes x) { return choose(x < Lanes(0.0), Lanes(0.0) - x, x); }
inline Lanes square_root(Lanes x) {
  Lanes result;
  for (int i = 0; i < kLanes; ++i) result.v[i] = __builtin_sqrt(x.v[i]);
  return result;
}

PECLR_END
