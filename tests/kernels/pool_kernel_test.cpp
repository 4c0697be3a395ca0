// SPDX-License-Identifier: Apache-2.0
// Pooling's kernels against plain loops in double: odd sides, single places, channels that fill no
// pack, ties and NaN.
#include <catch2/catch.hpp>
#include <cmath>

#include "kernels/pool_kernels.h"
#include "tests/kernels/guarded.h"
#include "tests/support/device.h"

namespace peclr::test {
namespace {

std::vector<PoolCase> cases() {
  return {{1, 1, 1, 1}, {2, 1, 4, 8},   {3, 5, 7, 16},  {2, 8, 6, 24},
          {1, 9, 9, 5}, {2, 16, 16, 8}, {70, 2, 3, 33}, {1, 31, 33, 4}};
}

kernels::PoolExtent extent_of(const PoolCase& c) {
  return {c.images, static_cast<int>(c.height), static_cast<int>(c.width),
          static_cast<int>(c.channels)};
}

std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

// Few different values, so that windows have ties.
template <class T>
Doubles tied_values(std::int64_t count, std::uint64_t seed) {
  Doubles values = random_values(count, seed, -4, 4);
  for (double& v : values) v = std::round(v) / 2;
  return rounded_to(dtype_of<T>, values);
}

template <class T>
Doubles rounding(const Doubles& want) {
  Doubles allowed(want.size());
  for (std::size_t i = 0; i < want.size(); ++i)
    allowed[i] = 1e-6 + (dtype_of<T> == DType::bf16 ? 0x1p-8 : 1e-6) * std::abs(want[i]);
  return allowed;
}

template <class T>
void check_case(const PoolCase& c, int offset) {
  CAPTURE(c.images, c.height, c.width, c.channels, offset, sizeof(T));
  const std::int64_t in = c.images * c.height * c.width * c.channels;
  const std::int64_t out = c.images * c.out_height() * c.out_width() * c.channels;
  const Doubles x = tied_values<T>(in, 1), dy = rounded_to(dtype_of<T>, random_values(out, 2));
  const Guarded<T> device_x(device(), stored<T>(x), offset), y(device(), size(out), offset),
      device_dy(device(), stored<T>(dy), offset), dx(device(), size(in), offset);
  const Guarded<std::uint8_t> where(device(), size(out), offset);

  kernels::max_pool(extent_of(c), device_x.data(), y.data(), where.data(), stream());
  CHECK(doubles(y.values()) == reference_max_pool(c, x));
  kernels::max_pool_backward(extent_of(c), device_dy.data(), where.data(), dx.data(), stream());
  const Doubles want = reference_max_pool_backward(c, x, dy);
  CHECK(worst_over(doubles(dx.values()), want, rounding<T>(want)) < 1);
  for (const std::uint8_t place : where.values()) CHECK(place < 9);

  const std::int64_t means = c.images * c.channels;
  const Guarded<float> mean(device(), size(means));
  kernels::mean_pool(extent_of(c), device_x.data(), mean.data(), stream());
  const Doubles mean_want = reference_mean_pool(c, x);
  CHECK(worst_over(doubles(mean.values()), mean_want, rounding<float>(mean_want)) < 1);
  const Doubles dmean = rounded_to(DType::f32, random_values(means, 3));
  const Guarded<float> device_dmean(device(), stored<float>(dmean));
  kernels::mean_pool_backward(extent_of(c), device_dmean.data(), dx.data(), stream());
  const Doubles spread = reference_mean_pool_backward(c, dmean);
  CHECK(worst_over(doubles(dx.values()), spread, rounding<T>(spread)) < 1);
}

TEST_CASE("pooling kernels follow the definition", "[kernels][pool]") {
  for (const PoolCase& c : cases())
    for (const int offset : {0, 1}) {
      check_case<float>(c, offset);
      check_case<bf16>(c, offset);
    }
}

TEST_CASE("max pooling kernel: the first NaN of a window wins and stays", "[kernels][pool]") {
  const PoolCase c{1, 4, 4, 8};
  Doubles x(4 * 4 * 8, 1.0);
  x[(1 * 4 + 1) * 8 + 3] = std::nan("");  // row 1, column 1, channel 3: in all four windows
  const Guarded<float> device_x(device(), stored<float>(x)), y(device(), 2 * 2 * 8);
  const Guarded<std::uint8_t> where(device(), 2 * 2 * 8);
  kernels::max_pool(extent_of(c), device_x.data(), y.data(), where.data(), stream());
  const Doubles got = doubles(y.values());
  const std::vector<std::uint8_t> places = where.values();
  for (std::size_t i = 0; i < got.size(); ++i) CHECK(std::isnan(got[i]) == (i % 8 == 3));
  const int want[] = {8, 6, 2, 0};
  for (std::size_t w = 0; w < 4; ++w) CHECK(places[w * 8 + 3] == want[w]);
}

TEST_CASE("pooling kernels give the same bits in every order", "[kernels][pool]") {
  const PoolCase c{3, 9, 7, 16};
  const Doubles x = tied_values<float>(3 * 9 * 7 * 16, 4);
  const Guarded<float> device_x(device(), stored<float>(x));
  in_every_order([&] {
    const Guarded<float> y(device(), 3 * 5 * 4 * 16), dx(device(), x.size());
    const Guarded<std::uint8_t> where(device(), 3 * 5 * 4 * 16);
    kernels::max_pool(extent_of(c), device_x.data(), y.data(), where.data(), stream());
    kernels::max_pool_backward(extent_of(c), y.data(), where.data(), dx.data(), stream());
    return dx.values();
  });
}

TEST_CASE("pooling kernels: an image too large for 32 bits is refused", "[kernels][pool]") {
  CHECK_THROWS_WITH(kernels::mean_pool<float>({1, 1 << 16, 1 << 15, 1}, nullptr, nullptr, nullptr),
                    Catch::Contains("2^31"));
}

}  // namespace
}  // namespace peclr::test
