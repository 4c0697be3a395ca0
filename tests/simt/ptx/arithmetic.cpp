// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "tests/simt/ptx/operations.h"

namespace peclr::ptx {
namespace {

template <class T, auto kF>
constexpr Operation compare() {
  return of_thread(
      [](Thread& t, const Instruction& i) {
        set<std::uint64_t>(t, i[0], kF(get<T>(t, i[1]), get<T>(t, i[2])));
      },
      3);
}

// Shifts by the width or more give 0, or the sign everywhere.
template <class T>
T shifted_left(T a, std::uint32_t by) {
  return by >= 8 * sizeof(T) ? T{0} : static_cast<T>(a << by);
}
template <class T>
T shifted_right(T a, std::uint32_t by) {
  constexpr std::uint32_t kLast = 8 * sizeof(T) - 1;
  if (by > kLast) return std::is_signed_v<T> ? static_cast<T>(a >> kLast) : T{0};
  return static_cast<T>(a >> by);
}
template <class T, auto kF>
constexpr Operation shift() {
  return of_thread(
      [](Thread& t, const Instruction& i) {
        set(t, i[0], kF(get<T>(t, i[1]), get<std::uint32_t>(t, i[2])));
      },
      3);
}

// By zero anything may come out; by -1 of the least number that number itself.
template <class T>
T quotient(T a, T b) {
  if (b == 0) return static_cast<T>(-1);
  if (std::is_signed_v<T> && b == static_cast<T>(-1)) return static_cast<T>(0u - std::uint64_t(a));
  return static_cast<T>(a / b);
}
template <class T>
T remainder(T a, T b) {
  return b == 0
             ? a
             : static_cast<T>(std::uint64_t(a) - std::uint64_t(quotient(a, b)) * std::uint64_t(b));
}

template <class T>
void add_integers(Table& t, const std::string& type) {
  using U = std::make_unsigned_t<T>;
  t["add." + type] = two<U, [](U a, U b) { return a + b; }>();
  t["sub." + type] = two<U, [](U a, U b) { return a - b; }>();
  t["mul.lo." + type] = two<U, [](U a, U b) { return std::uint64_t{a} * b; }>();
  t["mad.lo." + type] = three<U, [](U a, U b, U c) { return std::uint64_t{a} * b + c; }>();
  t["div." + type] = two<T, quotient<T>>();
  t["rem." + type] = two<T, remainder<T>>();
  t["min." + type] = two<T, [](T a, T b) { return std::min(a, b); }>();
  t["max." + type] = two<T, [](T a, T b) { return std::max(a, b); }>();
  t["neg." + type] = one<U, [](U a) { return U(0) - a; }>();
  t["abs." + type] = one<T, [](T a) { return a < 0 ? T(U(0) - U(a)) : a; }>();
  t["shr." + type] = shift<T, shifted_right<T>>();
  t["setp.eq." + type] = compare<T, [](T a, T b) { return a == b; }>();
  t["setp.ne." + type] = compare<T, [](T a, T b) { return a != b; }>();
  t["setp.lt." + type] = compare<T, [](T a, T b) { return a < b; }>();
  t["setp.le." + type] = compare<T, [](T a, T b) { return a <= b; }>();
  t["setp.gt." + type] = compare<T, [](T a, T b) { return b < a; }>();
  t["setp.ge." + type] = compare<T, [](T a, T b) { return a >= b; }>();
}

template <class T, class Wide>
T upper_half(T a, T b) {
  return static_cast<T>((Wide{a} * Wide{b}) >> (8 * sizeof(T)));
}

// Both factors of T, the product of twice its width, or the upper half of it.
template <class T, class Wide>
void add_wide(Table& t, const std::string& type) {
  t["mul.wide." + type] = of_thread(
      [](Thread& th, const Instruction& i) {
        set(th, i[0], static_cast<Wide>(Wide{get<T>(th, i[1])} * Wide{get<T>(th, i[2])}));
      },
      3);
  t["mul.hi." + type] = two<T, upper_half<T, Wide>>();
}

template <class T>
void add_bits(Table& t, const std::string& type) {
  t["and." + type] = two<T, [](T a, T b) { return a & b; }>();
  t["or." + type] = two<T, [](T a, T b) { return a | b; }>();
  t["xor." + type] = two<T, [](T a, T b) { return a ^ b; }>();
  t["not." + type] = one<T, [](T a) { return ~a; }>();
  t["shl." + type] = shift<T, shifted_left<T>>();
  t["setp.eq." + type] = compare<T, [](T a, T b) { return a == b; }>();
  t["setp.ne." + type] = compare<T, [](T a, T b) { return a != b; }>();
}

// Minimum and maximum give the operand that is no NaN; -0 is below 0.
template <class T>
T least(T a, T b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) ? b : a;
  return a == b ? (std::signbit(a) ? a : b) : std::min(a, b);
}
template <class T>
T largest(T a, T b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) ? b : a;
  return a == b ? (std::signbit(a) ? b : a) : std::max(a, b);
}

template <class T>
void add_floats(Table& t, const std::string& type) {
  for (const char* rounding : {"", "rn."}) {
    t["add." + (rounding + type)] = two<T, [](T a, T b) { return a + b; }>();
    t["sub." + (rounding + type)] = two<T, [](T a, T b) { return a - b; }>();
    t["mul." + (rounding + type)] = two<T, [](T a, T b) { return a * b; }>();
  }
  t["fma.rn." + type] = three<T, [](T a, T b, T c) { return std::fma(a, b, c); }>();
  t["div.rn." + type] = two<T, [](T a, T b) { return a / b; }>();
  t["rcp.rn." + type] = one<T, [](T a) { return 1 / a; }>();
  t["sqrt.rn." + type] = one<T, [](T a) { return std::sqrt(a); }>();
  t["neg." + type] = one<T, [](T a) { return -a; }>();
  t["abs." + type] = one<T, [](T a) { return std::abs(a); }>();
  t["min." + type] = two<T, least<T>>();
  t["max." + type] = two<T, largest<T>>();
  t["setp.eq." + type] = compare<T, [](T a, T b) { return a == b; }>();
  t["setp.lt." + type] = compare<T, [](T a, T b) { return a < b; }>();
  t["setp.le." + type] = compare<T, [](T a, T b) { return a <= b; }>();
  t["setp.gt." + type] = compare<T, [](T a, T b) { return b < a; }>();
  t["setp.ge." + type] = compare<T, [](T a, T b) { return a >= b; }>();
  t["setp.nan." + type] = compare<T, [](T a, T b) { return std::isnan(a) || std::isnan(b); }>();
  // True for NaN too.
  t["setp.neu." + type] = compare<T, [](T a, T b) { return !(a == b); }>();
  t["setp.ltu." + type] = compare<T, [](T a, T b) { return !(a >= b); }>();
  t["setp.leu." + type] = compare<T, [](T a, T b) { return !(b < a); }>();
  t["setp.gtu." + type] = compare<T, [](T a, T b) { return !(a <= b); }>();
  t["setp.geu." + type] = compare<T, [](T a, T b) { return !(a < b); }>();
}

// The eight bytes of b and a, b the upper; a nibble of the selector takes one, or its sign.
std::uint32_t permuted(std::uint32_t a, std::uint32_t b, std::uint32_t selector) {
  const std::uint64_t both = std::uint64_t{b} << 32 | a;
  std::uint32_t out = 0;
  for (int k = 0; k < 4; ++k) {
    const std::uint32_t nibble = selector >> (4 * k) & 15;
    std::uint32_t byte = static_cast<std::uint32_t>(both >> (8 * (nibble & 7))) & 255;
    if (nibble & 8) byte = byte & 128 ? 255 : 0;
    out |= byte << (8 * k);
  }
  return out;
}

// Both halves of a times the two bytes of b that begin at byte kFrom, plus c.
template <int kFrom>
std::uint32_t dotted(std::uint32_t a, std::uint32_t b, std::uint32_t c) {
  const std::uint32_t bytes = b >> (8 * kFrom);
  return c + (a & 0xFFFF) * (bytes & 255) + (a >> 16) * (bytes >> 8 & 255);
}

// d = b with a's lowest `length` bits from bit `from` on.
void insert_bits(Thread& t, const Instruction& i) {
  const auto a = get<std::uint32_t>(t, i[1]), b = get<std::uint32_t>(t, i[2]);
  const std::uint32_t from = get<std::uint32_t>(t, i[3]) & 255,
                      length = get<std::uint32_t>(t, i[4]) & 255;
  std::uint32_t out = b;
  for (std::uint32_t k = 0; k < length && from + k < 32; ++k) {
    const std::uint32_t bit = std::uint32_t{1} << (from + k);
    out = a >> k & 1 ? out | bit : out & ~bit;
  }
  set(t, i[0], out);
}

}  // namespace

void add_arithmetic(Table& t) {
  add_integers<std::int16_t>(t, "s16");
  add_integers<std::uint16_t>(t, "u16");
  add_integers<std::int32_t>(t, "s32");
  add_integers<std::uint32_t>(t, "u32");
  add_integers<std::int64_t>(t, "s64");
  add_integers<std::uint64_t>(t, "u64");
  add_wide<std::int16_t, std::int32_t>(t, "s16");
  add_wide<std::uint16_t, std::uint32_t>(t, "u16");
  add_wide<std::int32_t, std::int64_t>(t, "s32");
  add_wide<std::uint32_t, std::uint64_t>(t, "u32");
  add_bits<std::uint16_t>(t, "b16");
  add_bits<std::uint32_t>(t, "b32");
  add_bits<std::uint64_t>(t, "b64");
  add_floats<float>(t, "f32");
  add_floats<double>(t, "f64");
  t["and.pred"] = two<bool, [](bool a, bool b) { return a && b; }>();
  t["or.pred"] = two<bool, [](bool a, bool b) { return a || b; }>();
  t["xor.pred"] = two<bool, [](bool a, bool b) { return a != b; }>();
  t["not.pred"] = one<bool, [](bool a) { return !a; }>();
  t["prmt.b32"] = three<std::uint32_t, permuted>();
  t["dp2a.lo.u32.u32"] = three<std::uint32_t, dotted<0>>();
  t["dp2a.hi.u32.u32"] = three<std::uint32_t, dotted<2>>();
  t["bfi.b32"] = of_thread(insert_bits, 5);
  for (const char* type :
       {"b16", "u16", "s16", "b32", "u32", "s32", "f32", "b64", "u64", "s64", "f64"})
    t[std::string("selp.") + type] = of_thread(
        [](Thread& th, const Instruction& i) {
          set(th, i[0], bits(th, get<bool>(th, i[3]) ? i[1] : i[2]));
        },
        4);
}

}  // namespace peclr::ptx
