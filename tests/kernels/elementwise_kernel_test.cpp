// SPDX-License-Identifier: Apache-2.0
// Sums, scales, casts, padding and gradients of biases: tails, addresses off a pack, and the values
// where rounding is special.
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "engine/gpu/elementwise.h"
#include "kernels/elementwise_kernels.h"
#include "tests/kernels/guarded.h"
#include "tests/support/device.h"

namespace peclr::test {
namespace {

constexpr std::int64_t kCounts[] = {1, 7, 8, 31, 33, 2047, 2049, 5000};

template <class T>
void check_add(std::int64_t count, int offset) {
  CAPTURE(count, offset, sizeof(T));
  const Doubles a = rounded_to(dtype_of<T>, random_values(count, 1)),
                b = rounded_to(dtype_of<T>, random_values(count, 2));
  const Guarded<T> x(device(), stored<T>(a), offset), into(device(), stored<T>(b), offset);
  kernels::add_into(count, x.data(), into.data(), stream());
  Doubles want(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) want[i] = static_cast<float>(a[i] + b[i]);
  CHECK(doubles(into.values()) == rounded_to(dtype_of<T>, want));
}

TEST_CASE("adding kernel rounds once", "[kernels][elementwise]") {
  for (const std::int64_t count : kCounts)
    for (const int offset : {0, 1}) {
      check_add<float>(count, offset);
      check_add<bf16>(count, offset);
    }
}

TEST_CASE("scaling kernel reads its factor on the device", "[kernels][elementwise]") {
  const Guarded<float> factor(device(), std::vector<float>{-0.3f});
  for (const std::int64_t count : kCounts) {
    const Doubles a = random_values(count, 1);
    const Guarded<float> x(device(), stored<float>(a));
    kernels::scale(count, x.data(), factor.data(), stream());
    const std::vector<float> got = x.values();
    for (std::size_t i = 0; i < got.size(); ++i) CHECK(got[i] == static_cast<float>(a[i]) * -0.3f);
  }
}

TEST_CASE("casting kernel rounds to the nearest, ties to even", "[kernels][elementwise]") {
  for (const std::int64_t count : kCounts)
    for (const int offset : {0, 1}) {
      Doubles a = random_values(count, 1, -3, 3);
      a[0] = 1 + 0x1p-8;  // half way, to the even one below
      if (count > 8) {
        a[1] = 1 + 3 * 0x1p-8;  // half way, to the even one above
        a[2] = std::numeric_limits<double>::infinity();
        a[3] = -std::numeric_limits<double>::infinity();
        a[4] = std::numeric_limits<float>::max();  // rounds to infinity
        a[5] = -0.0;
        a[6] = 0x1p-130;  // below the normal numbers, and exact
      }
      const Guarded<float> from(device(), stored<float>(a), offset), back(device(), a.size());
      const Guarded<bf16> to(device(), a.size(), offset);
      kernels::cast(count, from.data(), to.data(), stream());
      Doubles want = rounded_to(DType::bf16, a);
      if (count > 8) want[4] = std::numeric_limits<double>::infinity();
      CHECK(doubles(to.values()) == want);
      kernels::cast(count, to.data(), back.data(), stream());
      CHECK(doubles(back.values()) == want);
    }
}

TEST_CASE("casting kernel keeps a NaN", "[kernels][elementwise]") {
  const Guarded<float> from(device(), std::vector<float>(9, std::nanf("")));
  const Guarded<bf16> to(device(), 9);
  kernels::cast(9, from.data(), to.data(), stream());
  for (const double v : doubles(to.values())) CHECK(std::isnan(v));
}

template <class T>
void check_padding(std::int64_t pixels, int channels) {
  CAPTURE(pixels, channels, sizeof(T));
  const Doubles a = random_values(pixels * 3, 1);
  const Guarded<float> from(device(), stored<float>(a), 1);
  const Guarded<T> to(device(), stored<T>(Doubles(static_cast<std::size_t>(pixels * channels), 7)));
  kernels::pad_channels(pixels, from.data(), channels, to.data(), stream());
  const Doubles got = doubles(to.values()), rounded = rounded_to(dtype_of<T>, a);
  for (std::size_t i = 0; i < got.size(); ++i) {
    const std::size_t pixel = i / static_cast<std::size_t>(channels),
                      c = i % static_cast<std::size_t>(channels);
    CHECK(got[i] == (c < 3 ? rounded[pixel * 3 + c] : 0));
  }
}

TEST_CASE("padding kernel adds channels of zeros", "[kernels][elementwise]") {
  for (const std::int64_t pixels : {1, 31, 257, 600})
    for (const int channels : {4, 8}) {
      check_padding<float>(pixels, channels);
      check_padding<bf16>(pixels, channels);
    }
  CHECK_THROWS_WITH(kernels::pad_channels<float>(1, nullptr, 5, nullptr, nullptr),
                    Catch::Contains("4 or 8"));
}

TEST_CASE("the gradient of a bias is the sum of rows", "[kernels][elementwise]") {
  gpu::Tickets tickets;
  for (const auto& [rows, channels] : std::vector<std::pair<std::int64_t, std::int64_t>>{
           {1, 1}, {33, 5}, {31, 64}, {700, 40}, {4, 513}, {1100, 33}}) {
    CAPTURE(rows, channels);
    const Doubles bias = random_values(channels, 1), y = random_values(rows * channels, 2);
    const Tensor dy = plain(device(), {rows, channels}, y);
    for (const Write write : {Write::overwrite, Write::accumulate}) {
      const Tensor db = plain(device(), {channels}, bias);
      gpu::bias_gradient(device(), stream(), tickets, dy, db, write);
      Doubles sums = column_sums(y, channels);
      for (std::size_t k = 0; k < sums.size(); ++k)
        sums[k] += write == Write::accumulate ? bias[k] : 0;
      CHECK(worst_over(host(db), sums, Doubles(sums.size(), 1e-6 * std::sqrt(rows) + 1e-6)) < 1);
    }
  }
}

TEST_CASE("column sums have the same bits in every order", "[kernels][elementwise]") {
  const Doubles x = random_values(1100 * 33, 3);
  const Guarded<float> values(device(), stored<float>(x)), sums(device(), 33),
      partials(device(), static_cast<std::size_t>(kernels::column_scratch_floats(33)));
  const Guarded<unsigned> tickets(device(), static_cast<std::size_t>(kernels::column_tickets(33)));
  in_every_order([&] {
    kernels::column_sums(1100, 33, values.data(), false, sums.data(),
                         {partials.data(), tickets.data()}, stream());
    return sums.values();
  });
}

TEST_CASE("tensors that a cast or a padding cannot serve are named", "[kernels][elementwise]") {
  const Tensor three(device(), {2, 3}, DType::f32), four(device(), {2, 4}, DType::f32);
  CHECK_THROWS_WITH(gpu::cast(stream(), three, four), Catch::Contains("[2, 3]"));
  CHECK_THROWS_WITH(gpu::cast(stream(), three, three), Catch::Contains("f32"));
  CHECK_THROWS_WITH(gpu::pad_channels(stream(), four, three), Catch::Contains("[2, 4]"));
}

}  // namespace
}  // namespace peclr::test
