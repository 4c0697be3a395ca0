// SPDX-License-Identifier: Apache-2.0
// Mean pooling's kernels against plain loops in double: odd sides, single places, channels that
// fill no pack.
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
  const Doubles x = rounded_to(dtype_of<T>, random_values(in, 1, -2, 2));
  const Guarded<T> device_x(device(), stored<T>(x), offset), dx(device(), size(in), offset);
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

TEST_CASE("pooling kernels give the same bits in every order", "[kernels][pool]") {
  const PoolCase c{3, 9, 7, 16};
  const Guarded<float> x(device(), stored<float>(random_values(3 * 9 * 7 * 16, 4)));
  in_every_order([&] {
    const Guarded<float> y(device(), 3 * 16), dx(device(), 3 * 9 * 7 * 16);
    kernels::mean_pool(extent_of(c), x.data(), y.data(), stream());
    kernels::mean_pool_backward(extent_of(c), y.data(), dx.data(), stream());
    return dx.values();
  });
}

TEST_CASE("pooling kernels: an image too large for 32 bits is refused", "[kernels][pool]") {
  CHECK_THROWS_WITH(kernels::mean_pool<float>({1, 1 << 16, 1 << 15, 1}, nullptr, nullptr, nullptr),
                    Catch::Contains("2^31"));
}

}  // namespace
}  // namespace peclr::test
