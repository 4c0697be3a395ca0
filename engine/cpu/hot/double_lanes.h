// SPDX-License-Identifier: Apache-2.0
// One vector register of doubles that behaves like a double, so that the templates of kernels/ run
// on several samples at once. Lanes never mix, so their number (the instruction set's) does not
// change a result.
#pragma once
#include <cstdint>

#include "kernels/host_device.h"

PECLR_BEGIN

#if defined(__AVX512F__)
inline constexpr int kDoubleLanes = 8;
#elif defined(__AVX__)
inline constexpr int kDoubleLanes = 4;
#else
inline constexpr int kDoubleLanes = 2;
#endif

typedef double DoubleVector __attribute__((vector_size(8 * kDoubleLanes)));
typedef std::int64_t MaskVector __attribute__((vector_size(8 * kDoubleLanes)));
typedef float FloatVector __attribute__((vector_size(4 * kDoubleLanes)));

struct LaneMask {
  MaskVector v;
};

struct DoubleLanes {
  DoubleVector v;

  DoubleLanes() = default;
  DoubleLanes(DoubleVector values) : v(values) {}
  DoubleLanes(double value) : v(value - DoubleVector{}) {}
  // Lane i from floats[i]; `floats` is aligned to its own size.
  static DoubleLanes load(const float* floats) {
    return __builtin_convertvector(*reinterpret_cast<const FloatVector*>(floats), DoubleVector);
  }
  void store(float* floats) const {
    *reinterpret_cast<FloatVector*>(floats) = __builtin_convertvector(v, FloatVector);
  }

  friend DoubleLanes operator+(DoubleLanes a, DoubleLanes b) { return a.v + b.v; }
  friend DoubleLanes operator-(DoubleLanes a, DoubleLanes b) { return a.v - b.v; }
  friend DoubleLanes operator*(DoubleLanes a, DoubleLanes b) { return a.v * b.v; }
  friend DoubleLanes operator/(DoubleLanes a, DoubleLanes b) { return a.v / b.v; }
  friend LaneMask operator<(DoubleLanes a, DoubleLanes b) { return {a.v < b.v}; }
  friend LaneMask operator==(DoubleLanes a, DoubleLanes b) { return {a.v == b.v}; }
};

inline DoubleLanes choose(LaneMask condition, DoubleLanes yes, DoubleLanes no) {
  return condition.v ? yes.v : no.v;
}
inline DoubleLanes magnitude(DoubleLanes x) {
  return choose(x < DoubleLanes(0.0), DoubleLanes(0.0) - x, x);
}
inline DoubleLanes square_root(DoubleLanes x) {
  DoubleLanes result;
  for (int i = 0; i < kDoubleLanes; ++i) result.v[i] = __builtin_sqrt(x.v[i]);
  return result;
}

PECLR_END
