// SPDX-License-Identifier: Apache-2.0
// The kernels of batch normalisation, activation and max pooling in one against the three in
// double: odd sides, single places, channels that fill no pack, addresses off a pack, both types,
// ties, NaN.
#include "kernels/norm_max_pool_kernels.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/kernels/guarded.h"
#include "tests/support/device.h"
#include "tests/support/norm_allowance.h"
#include "tests/support/norm_max_pool_reference.h"

namespace peclr::test {
namespace {

struct Run {
  NormMaxPoolCase of;
  bool more = true;
  int offset = 0;  // values that all activations lie off a pack
};

kernels::PoolExtent extent_of(const PoolCase& c) {
  return {c.images, static_cast<int>(c.height), static_cast<int>(c.width),
          static_cast<int>(c.channels)};
}

// The kernels' side of a run: per-channel numbers, scratch, and what passes leave for the next.
template <class T>
struct OnDevice {
  OnDevice(const Run& r, const NormMaxPoolValues& v)
      : run(r),
        channels(static_cast<std::size_t>(r.of.pool.channels)),
        windows(static_cast<std::size_t>(r.of.windows()) * channels),
        gamma(device(), stored<float>(v.affine.gamma)),
        beta(device(), stored<float>(v.affine.beta)),
        mean(device(), channels),
        inv_std(device(), channels),
        running_mean(device(), channels),
        running_variance(device(), std::vector<float>(channels, 1.f)),
        partials(device(),
                 static_cast<std::size_t>(kernels::column_scratch_floats(extent.channels))),
        tickets(device(), static_cast<std::size_t>(kernels::column_tickets(extent.channels))),
        x(device(), stored<T>(v.x), r.offset),
        y(device(), windows, r.offset),
        won_x(device(), windows, r.offset),
        where(device(), windows, r.offset) {}

  kernels::NormChannels numbers() const {
    return {gamma.data(), beta.data(), mean.data(), inv_std.data()};
  }
  kernels::ColumnScratch scratch() const { return {partials.data(), tickets.data()}; }
  float slope() const { return static_cast<float>(run.of.slope); }

  Run run;
  std::size_t channels, windows;
  kernels::PoolExtent extent = extent_of(run.of.pool);
  Guarded<float> gamma, beta, mean, inv_std, running_mean, running_variance, partials;
  Guarded<unsigned> tickets;
  Guarded<T> x, y, won_x;
  Guarded<std::uint8_t> where;
};

template <class T>
Doubles forward(const OnDevice<T>& on) {
  kernels::norm_statistics({on.run.of.norm().rows, on.extent.channels}, on.x.data(),
                           {on.mean.data(), on.inv_std.data(), on.running_mean.data(),
                            on.running_variance.data(), 1e-5f, 0.1f},
                           on.scratch(), stream());
  kernels::norm_max_pool(on.extent, on.numbers(), on.slope(), on.x.data(), on.y.data(),
                         {on.where.data(), on.won_x.data()}, stream());
  return doubles(on.y.values());
}

struct Gradients {
  Doubles dx, dgamma, dbeta;
};

// After forward; the means are over `values` places.
template <class T>
Gradients backward(const OnDevice<T>& on, const NormMaxPoolValues& v, std::int64_t values) {
  const Guarded<T> dy(device(), stored<T>(v.dy[0]), on.run.offset),
      more(device(), stored<T>(v.dy[1]), on.run.offset), dx(device(), v.x.size(), on.run.offset);
  const Guarded<float> dgamma(device(), on.channels), dbeta(device(), on.channels),
      coefficients(device(), 2 * on.channels);
  const kernels::NormArriving<T> in{
      .dy = dy.data(), .more = on.run.more ? more.data() : nullptr, .slope = on.slope()};
  kernels::NormBranch<T> branch{on.won_x.data(),     on.numbers(), dgamma.data(), dbeta.data(),
                                coefficients.data(), false,        dx.data(),     values};
  kernels::norm_gradient_sums<T>({on.run.of.windows(), on.extent.channels}, in, branch, nullptr,
                                 on.scratch(), stream());
  branch.x = on.x.data();
  kernels::norm_max_pool_gradient(on.extent, in, branch, on.where.data(), stream());
  dy.values();
  coefficients.values();
  on.partials.values();
  for (const unsigned ticket : on.tickets.values()) CHECK(ticket == 0);
  return {doubles(dx.values()), doubles(dgamma.values()), doubles(dbeta.values())};
}

NormMaxPoolValues values_of(const Run& run) {
  NormMaxPoolValues v(run.of);
  if (!run.more) v.dy_sum = v.dy[0];
  return v;
}

// Each window's x is the one at the winner's place.
template <class T>
void check_winners(const OnDevice<T>& on, const NormMaxPoolValues& v) {
  const PoolCase& c = on.run.of.pool;
  const std::vector<std::uint8_t> where = on.where.values();
  const Doubles won = doubles(on.won_x.values());
  std::size_t wrong = 0, at = 0;
  for (std::int64_t n = 0; n < c.images; ++n)
    for (std::int64_t i = 0; i < c.out_height(); ++i)
      for (std::int64_t j = 0; j < c.out_width(); ++j)
        for (std::int64_t k = 0; k < c.channels; ++k, ++at) {
          const std::int64_t row = 2 * i - 1 + where[at] / 3, column = 2 * j - 1 + where[at] % 3;
          const bool inside =
              where[at] < 9 && row >= 0 && row < c.height && column >= 0 && column < c.width;
          const auto from =
              static_cast<std::size_t>(((n * c.height + row) * c.width + column) * c.channels + k);
          wrong += !inside || v.x[from] != won[at] ? 1 : 0;
        }
  CHECK(wrong == 0);
}

template <class T>
void check_run(const Run& run) {
  const NormMaxPoolCase& c = run.of;
  CAPTURE(c.pool.images, c.pool.height, c.pool.width, c.pool.channels, c.slope, run.more,
          run.offset, sizeof(T));
  const NormMaxPoolValues v = values_of(run);
  const OnDevice<T> on(run, v);
  const Moments batch = batch_moments(c.norm(), v.x);
  const Doubles want = reference_norm_max_pool(c, v.affine, v.x);
  Doubles allowed = norm_allowance(want, dtype_of<T>);
  for (std::size_t i = 0; i < want.size(); ++i) {
    const std::size_t k = i % on.channels;
    allowed[i] += 2e-7 * std::abs(v.affine.gamma[k] * batch.mean[k]) /
                  std::sqrt(batch.variance[k] + c.norm().eps);
  }
  CHECK(worst_over(forward(on), want, allowed) < 1);
  check_winners(on, v);
  const NormGradientsOf d = reference_norm_max_pool_backward(c, v.affine, v.x, v.dy_sum);
  const Gradients got = backward(on, v, c.norm().rows);
  CHECK(worst_over(got.dx, d.x,
                   dx_allowance(c.norm(), v.affine, v.x, d.x, dtype_of<T>, v.meeting(c))) < 1);
  const Doubles sums(on.channels, 2e-6 * static_cast<double>(c.norm().rows + 4));
  CHECK(worst_over(got.dgamma, d.gamma, sums) < 1);
  CHECK(worst_over(got.dbeta, d.beta, sums) < 1);
}

std::vector<Run> runs() {
  std::vector<Run> all;
  for (const PoolCase& pool :
       {PoolCase{1, 1, 1, 1}, PoolCase{2, 1, 4, 8}, PoolCase{3, 5, 7, 16}, PoolCase{2, 8, 6, 24},
        PoolCase{1, 9, 9, 5}, PoolCase{2, 16, 16, 8}, PoolCase{1, 31, 33, 4}})
    for (const double slope : {0., .01})
      for (const bool more : {false, true}) all.push_back({{pool, slope}, more});
  all.push_back({{{70, 2, 3, 33}, 1}});
  all.push_back({{{3, 5, 7, 16}, 0}, true, 1});  // off a pack
  all.push_back({{{3, 5, 7, 16}, 0}, false, 1});
  all.push_back({{{1100, 2, 2, 8}, 0}});  // several images a block
  return all;
}

TEST_CASE("norm and max pooling kernels follow the formulas in f32", "[kernels][norm]") {
  for (const Run& run : runs()) check_run<float>(run);
}

TEST_CASE("norm and max pooling kernels follow the formulas in bf16", "[kernels][norm]") {
  for (const Run& run : runs()) check_run<bf16>(run);
}

TEST_CASE("norm and max pooling kernels give the same bits in every order", "[kernels][norm]") {
  const Run run{{{3, 9, 7, 16}, 0}};
  const NormMaxPoolValues v = values_of(run);
  in_every_order([&] {
    const OnDevice<float> on(run, v);
    Doubles all = forward(on);
    const Gradients d = backward(on, v, run.of.norm().rows);
    for (const Doubles* part : {&d.dx, &d.dgamma, &d.dbeta})
      all.insert(all.end(), part->begin(), part->end());
    return all;
  });
}

TEST_CASE("norm and max pooling kernels: evaluation by running statistics", "[kernels][norm]") {
  for (const PoolCase& pool : {PoolCase{3, 5, 7, 16}, PoolCase{2, 4, 3, 5}}) {
    const Run run{{pool, .01}};
    const NormMaxPoolValues v = values_of(run);
    const OnDevice<float> on(run, v);
    const Doubles mean = random_values(pool.channels, 8),
                  variance = random_values(pool.channels, 9, .5f, 2.f);
    const Guarded<float> running_mean(device(), stored<float>(mean)),
        running_variance(device(), stored<float>(variance));
    kernels::norm_max_pool_running<float>(
        on.extent,
        {on.gamma.data(), on.beta.data(), running_mean.data(), running_variance.data(), 1e-5f},
        on.slope(), on.x.data(), on.y.data(), stream());
    const Doubles want = reference_max_pool(
        pool, reference_leaky_relu(
                  reference_norm_linear(run.of.norm(), {mean, variance}, v.affine, v.x, {}), .01));
    CHECK(worst_over(doubles(on.y.values()), want, norm_allowance(want, DType::f32)) < 1);
  }
}

TEST_CASE("norm and max pooling kernels: the first NaN of a window wins and stays",
          "[kernels][norm]") {
  const Run run{{{1, 4, 4, 8}, 0}};
  NormMaxPoolValues v = values_of(run);
  v.x[(1 * 4 + 1) * 8 + 3] = std::nan("");  // row 1, column 1, channel 3: in all four windows
  const OnDevice<float> on(run, v);
  const std::vector<float> one(8, 1.f);
  const Guarded<float> mean(device(), std::vector<float>(8)), inv_std(device(), one);
  kernels::norm_max_pool<float>(
      on.extent, {on.gamma.data(), on.beta.data(), mean.data(), inv_std.data()}, 0, on.x.data(),
      on.y.data(), {on.where.data(), on.won_x.data()}, stream());
  const Doubles got = doubles(on.y.values());
  const std::vector<std::uint8_t> places = on.where.values();
  for (std::size_t i = 0; i < got.size(); ++i) CHECK(std::isnan(got[i]) == (i % 8 == 3));
  const int want[] = {8, 6, 2, 0};
  for (std::size_t w = 0; w < 4; ++w) CHECK(places[w * 8 + 3] == want[w]);
}

TEST_CASE("norm and max pooling kernels: an image too large for 32 bits is refused",
          "[kernels][norm]") {
  CHECK_THROWS_WITH(kernels::norm_max_pool_running<float>({1, 1 << 16, 1 << 15, 1}, {}, 0, nullptr,
                                                          nullptr, nullptr),
                    Catch::Contains("2^31"));
}

// Planted faults: means over the windows, of which there are a quarter as many as places; and a
// gradient at a neighbouring place.
TEST_CASE("norm and max pooling kernels: wrong means and places would be seen", "[kernels][norm]") {
  const Run run{{{3, 5, 7, 16}, 0}};
  const NormMaxPoolCase& c = run.of;
  const NormMaxPoolValues v = values_of(run);
  const OnDevice<float> on(run, v);
  const Doubles y = forward(on);
  const NormGradientsOf want = reference_norm_max_pool_backward(c, v.affine, v.x, v.dy_sum);
  const Doubles allowed = dx_allowance(c.norm(), v.affine, v.x, want.x, DType::f32, v.meeting(c));
  CHECK(worst_over(backward(on, v, c.norm().rows).dx, want.x, allowed) < 1);
  CHECK(worst_over(backward(on, v, 0).dx, want.x, allowed) > 100);
  std::vector<std::uint8_t> moved = on.where.values();
  std::size_t largest = static_cast<std::size_t>(std::max_element(y.begin(), y.end()) - y.begin());
  for (std::size_t i = 0; i < moved.size(); ++i)
    if (y[i] > 0 && std::abs(v.dy_sum[i]) > std::abs(v.dy_sum[largest])) largest = i;
  moved[largest] = moved[largest] == 4 ? 5 : 4;
  OnDevice<float> wrong = on;
  wrong.where = Guarded<std::uint8_t>(device(), moved);
  CHECK(worst_over(backward(wrong, v, c.norm().rows).dx, want.x, allowed) > 100);
}

}  // namespace
}  // namespace peclr::test
