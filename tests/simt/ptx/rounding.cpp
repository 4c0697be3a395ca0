// SPDX-License-Identifier: Apache-2.0
// Built with -frounding-math: the compiler does nothing across a change of the rounding.
#include <cfenv>
#include <cmath>

#include "tests/simt/ptx/operations.h"

namespace peclr::ptx {
namespace {

float sum(float a, float b, float) { return a + b; }
float product(float a, float b, float) { return a * b; }
float fused(float a, float b, float c) { return std::fma(a, b, c); }

template <int kRounding, float (*kF)(float, float, float)>
float rounded(float a, float b, float c) {
  const int before = std::fegetround();
  std::fesetround(kRounding);
  const volatile float va = a, vb = b, vc = c;
  const volatile float result = kF(va, vb, vc);
  std::fesetround(before);
  return result;
}

template <int kRounding>
void add_rounded(Table& t, const std::string& name) {
  t["add." + name] =
      two<float, [](float a, float b) { return rounded<kRounding, sum>(a, b, 0); }>();
  t["mul." + name] =
      two<float, [](float a, float b) { return rounded<kRounding, product>(a, b, 0); }>();
  t["fma." + name] = three<float, rounded<kRounding, fused>>();
}

// Off by as many units in the last place as the ISA allows, up or down as the operand's bits have
// it.
float off_by(int units, double exact, float operand) {
  std::uint32_t word;
  std::memcpy(&word, &operand, sizeof word);
  const bool up = word * 2654435761u >> 31;
  auto result = static_cast<float>(exact);
  for (int unit = 0; unit < units; ++unit)
    result = std::nextafter(result, up ? HUGE_VALF : -HUGE_VALF);
  return std::isfinite(exact) ? result : static_cast<float>(exact);
}
float flushed(float x) { return std::abs(x) < 0x1p-126f ? std::copysign(0.f, x) : x; }

float reciprocal(float x) { return flushed(off_by(1, 1 / double{flushed(x)}, x)); }
float power_of_two(float x) { return off_by(x == 0 ? 0 : 2, std::exp2(double{x}), x); }

}  // namespace

void add_rounding(Table& t) {
  add_rounded<FE_TOWARDZERO>(t, "rz.f32");
  add_rounded<FE_DOWNWARD>(t, "rm.f32");
  t["rcp.approx.ftz.f32"] = one<float, reciprocal>();
  t["ex2.approx.ftz.f32"] = one<float, [](float x) { return flushed(power_of_two(flushed(x))); }>();
  t["ex2.approx.f32"] = one<float, power_of_two>();
}

}  // namespace peclr::ptx
