// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/bf16.h"
#include "tests/simt/ptx/operations.h"

namespace peclr::ptx {
namespace {

template <class To, class From, auto kF>
constexpr Operation convert() {
  return of_thread(
      [](Thread& t, const Instruction& i) {
        const To value = static_cast<To>(kF(get<From>(t, i[1])));
        if constexpr (std::is_signed_v<To> && sizeof(To) < 4)  // the register may be wider
          set(t, i[0], static_cast<std::int32_t>(value));
        else
          set(t, i[0], value);
      },
      2);
}

// What does not fit becomes the nearest that does, a NaN 0; with 64 bits on either side of the
// conversion, its highest bit alone.
template <class To, class From>
To limited(From x) {
  if (std::isnan(x)) {
    const bool wide = sizeof(To) == 8 || sizeof(From) == 8;
    return static_cast<To>(wide ? std::uint64_t{1} << (8 * sizeof(To) - 1) : 0);
  }
  const From whole = std::trunc(x);
  if (whole <= static_cast<From>(std::numeric_limits<To>::min()))
    return std::numeric_limits<To>::min();
  if (whole >= static_cast<From>(std::numeric_limits<To>::max()))
    return std::numeric_limits<To>::max();
  return static_cast<To>(whole);
}

std::uint32_t as_bf16(float x) {
  bf16 out;
  store(out, x);
  return out.bits;
}

template <class F>
void for_integers(F f) {
  f.template operator()<std::uint8_t>("u8");
  f.template operator()<std::int8_t>("s8");
  f.template operator()<std::uint16_t>("u16");
  f.template operator()<std::int16_t>("s16");
  f.template operator()<std::uint32_t>("u32");
  f.template operator()<std::int32_t>("s32");
  f.template operator()<std::uint64_t>("u64");
  f.template operator()<std::int64_t>("s64");
}

}  // namespace

void add_conversions(Table& t) {
  for_integers([&]<class From>(const std::string& from) {
    for_integers([&]<class To>(const std::string& to) {
      t["cvt." + to + "." + from] = convert<To, From, [](From x) { return x; }>();
    });
    t["cvt.rn.f32." + from] = convert<float, From, [](From x) { return static_cast<float>(x); }>();
    t["cvt.rn.f64." + from] =
        convert<double, From, [](From x) { return static_cast<double>(x); }>();
    t["cvt.rzi." + from + ".f32"] = convert<From, float, limited<From, float>>();
    t["cvt.rzi." + from + ".f64"] = convert<From, double, limited<From, double>>();
  });
  t["cvt.f64.f32"] = convert<double, float, [](float x) { return x; }>();
  t["cvt.rn.f32.f64"] = convert<float, double, [](double x) { return x; }>();
  t["cvt.rni.f32.f32"] = convert<float, float, [](float x) { return std::nearbyint(x); }>();
  t["cvt.rni.f64.f64"] = convert<double, double, [](double x) { return std::nearbyint(x); }>();
  t["cvt.rzi.f64.f64"] = convert<double, double, [](double x) { return std::trunc(x); }>();
  t["cvt.sat.f32.f32"] =
      convert<float, float, [](float x) { return 0 < x ? std::min(x, 1.f) : 0.f; }>();
  t["cvt.rn.bf16.f32"] = convert<std::uint16_t, float, as_bf16>();
  t["cvt.rn.bf16x2.f32"] = of_thread(
      [](Thread& th, const Instruction& i) {
        set(th, i[0], as_bf16(get<float>(th, i[1])) << 16 | as_bf16(get<float>(th, i[2])));
      },
      3);
  // Global memory and the generic space are the host's; shared memory begins at 0 in its own.
  const auto moved_by = [](auto by) {
    return of_thread(
        [](Thread& th, const Instruction& i) {
          set(th, i[0],
              bits(th, i[1]) + decltype(by){}(reinterpret_cast<std::uint64_t>(th.shared)));
        },
        2);
  };
  t["cvta.to.global.u64"] = t["cvta.global.u64"] =
      moved_by([](std::uint64_t) { return std::uint64_t{0}; });
  t["cvta.shared.u64"] = moved_by([](std::uint64_t shared) { return shared; });
  t["cvta.to.shared.u64"] = moved_by([](std::uint64_t shared) { return 0 - shared; });
}

}  // namespace peclr::ptx
