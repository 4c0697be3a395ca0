// SPDX-License-Identifier: Apache-2.0
// The kernels of batch normalisation against the formulas in double: rows and channels that fill no
// block, no tile and no pack, addresses off a pack, both types, every path of the gradient.
#include <catch2/catch.hpp>
#include <cmath>

#include "kernels/norm_act_kernels.h"
#include "tests/kernels/guarded.h"
#include "tests/support/device.h"

namespace peclr::test {
namespace {

struct NormRun {
  std::int64_t rows;
  int channels;
  double slope = 0;
  bool residual = false, more = false;
  int offset = 0;       // values that all activations lie off a pack
  bool beside = false;  // the residual has a norm of its own

  NormCase norm_case() const { return {rows, channels, slope}; }
  std::int64_t count() const { return rows * channels; }
};

// Inputs, exact in T. Channels have means and spreads of their own, gamma both signs.
template <class T>
struct NormValues {
  Doubles x, residual_x, residual, dy, more, arriving;
  NormAffine affine, beside;

  explicit NormValues(const NormRun& run) {
    const DType type = dtype_of<T>;
    const Doubles noise = random_values(run.count(), 1);
    for (std::size_t i = 0; i < noise.size(); ++i) {
      const auto c = static_cast<double>(i % static_cast<std::size_t>(run.channels) % 7);
      x.push_back(static_cast<float>(noise[i] * (1 + c / 4) + c - 3));
    }
    x = rounded_to(type, x);
    if (run.residual) residual = residual_x = rounded_to(type, random_values(run.count(), 2));
    affine = {random_values(run.channels, 3, -1.5f, 1.5f), random_values(run.channels, 4)};
    dy = rounded_to(type, random_values(run.count(), 5));
    more = run.more ? rounded_to(type, random_values(run.count(), 6)) : Doubles(x.size());
    const NormCase c = run.norm_case();
    if (run.beside) {
      beside = {random_values(run.channels, 7, -1.5f, 1.5f), random_values(run.channels, 8)};
      residual = reference_norm_linear(c, batch_moments(c, residual_x), beside, residual_x, {});
    }
    // No gradient where the value before the activation is too near zero to know its side.
    const Doubles before = reference_norm_linear(c, batch_moments(c, x), affine, x, residual);
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (std::abs(before[i]) < 1e-4) dy[i] = more[i] = 0;
      arriving.push_back(dy[i] + more[i]);
    }
  }
};

// A few ulps of the numbers that are joined; in bf16 half an ulp of the stored value, and of
// `held`, a stored value that it is made of.
template <class T>
Doubles allowance(const Doubles& want, const Doubles& held = {}) {
  Doubles allowed(want.size());
  for (std::size_t i = 0; i < want.size(); ++i) {
    allowed[i] = 4e-6 * std::max(std::abs(want[i]), 1.0);
    if (dtype_of<T> == DType::bf16)
      allowed[i] += 0x1p-8 * (std::abs(want[i]) + (held.empty() ? 0 : std::abs(held[i])));
  }
  return allowed;
}

// A norm's per-channel numbers.
struct ChannelsOnDevice {
  explicit ChannelsOnDevice(const NormAffine& a)
      : gamma(device(), stored<float>(a.gamma)),
        beta(device(), stored<float>(a.beta)),
        mean(device(), a.gamma.size()),
        inv_std(device(), a.gamma.size()) {}

  kernels::NormChannels numbers() const {
    return {gamma.data(), beta.data(), mean.data(), inv_std.data()};
  }
  Guarded<float> gamma, beta, mean, inv_std;
};

// Statistics that have been followed before.
struct Running {
  explicit Running(std::size_t channels)
      : mean(device(), std::vector<float>(channels, 0.5f)),
        variance(device(), std::vector<float>(channels, 2.f)) {}
  kernels::NormBatch batch(const ChannelsOnDevice& of) const {
    return {of.mean.data(), of.inv_std.data(), mean.data(), variance.data(), 1e-5f, 0.1f};
  }
  Guarded<float> mean, variance;
};

// Gradients of a norm's weights; something has arrived there before.
struct WeightGradients {
  explicit WeightGradients(std::size_t channels)
      : dgamma(device(), std::vector<float>(channels, 3.f)),
        dbeta(device(), std::vector<float>(channels, 4.f)),
        coefficients(device(), 2 * channels) {}
  template <class T>
  kernels::NormBranch<T> branch(const ChannelsOnDevice& of, const T* x, bool accumulate,
                                T* dx) const {
    return {x, of.numbers(), dgamma.data(), dbeta.data(), coefficients.data(), accumulate, dx};
  }
  Guarded<float> dgamma, dbeta, coefficients;
};

// The kernels' side of a run: per-channel numbers, scratch, and activations as they come.
template <class T>
struct NormOnDevice {
  explicit NormOnDevice(const NormRun& r, const NormValues<T>& v)
      : run(r),
        extent{r.rows, r.channels},
        norm(v.affine),
        beside(r.beside ? v.beside : v.affine),
        partials(device(), static_cast<std::size_t>(kernels::column_scratch_floats(r.channels))),
        tickets(device(), static_cast<std::size_t>(kernels::column_tickets(r.channels))) {}

  std::size_t channels() const { return static_cast<std::size_t>(run.channels); }
  Guarded<T> activation(const Doubles& values) const {
    return {device(), stored<T>(values), run.offset};
  }
  kernels::NormResidual<T, kernels::NormChannels> residual(const Guarded<T>& x) const {
    if (!run.residual) return {};
    return {x.data(), run.beside ? beside.numbers() : kernels::NormChannels{}};
  }
  kernels::ColumnScratch scratch() const { return {partials.data(), tickets.data()}; }
  void check_scratch() const {
    partials.values();
    for (const unsigned ticket : tickets.values()) CHECK(ticket == 0);
  }

  NormRun run;
  kernels::NormExtent extent;
  ChannelsOnDevice norm, beside;
  Guarded<float> partials;
  Guarded<unsigned> tickets;
};

// Which side of zero each value is on, as the kernels have it.
template <class T>
std::vector<std::uint8_t> signs_of(const NormOnDevice<T>& on, const Doubles& y) {
  std::vector<std::uint8_t> signs(
      static_cast<std::size_t>(kernels::norm_sign_bytes(on.extent, sizeof(T))));
  const std::size_t pack = y.size() / signs.size();
  for (std::size_t i = 0; i < y.size(); ++i)
    signs[i / pack] |= static_cast<std::uint8_t>(static_cast<unsigned>(y[i] > 0) << i % pack);
  return signs;
}

// Of a norm's dx: it is made of `held` by gamma / deviation, and where a channel hardly varies it
// is a small difference of large numbers.
template <class T>
Doubles gradient_allowance(const NormCase& c, const NormAffine& a, const Doubles& x,
                           const Doubles& want, Doubles held) {
  const Moments batch = batch_moments(c, x);
  Doubles steep(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t k = i % a.gamma.size();
    const double deviation = std::sqrt(batch.variance[k] + c.eps);
    const double factor = std::abs(a.gamma[k]) / deviation;
    held[i] *= factor;
    steep[i] = factor * (1 + std::abs(batch.mean[k]) / deviation);
  }
  Doubles allowed = allowance<T>(want, held);
  for (std::size_t i = 0; i < x.size(); ++i) allowed[i] += 1e-6 * steep[i];
  return allowed;
}

struct Forward {
  Doubles y, mean, inv_std, running_mean, running_variance;
  std::size_t size() const { return y.size(); }
};

template <class T>
Forward forward(NormOnDevice<T>& on, const NormValues<T>& v) {
  const Guarded<T> x = on.activation(v.x), residual = on.activation(v.residual_x),
                   y = on.activation(Doubles(v.x.size()));
  const Guarded<std::uint8_t> signs(
      device(), static_cast<std::size_t>(kernels::norm_sign_bytes(on.extent, sizeof(T))));
  const Running running(on.channels()), running_beside(on.channels());
  kernels::norm_statistics(on.extent, x.data(), running.batch(on.norm), on.scratch(), stream());
  if (on.run.beside)
    kernels::norm_statistics(on.extent, residual.data(), running_beside.batch(on.beside),
                             on.scratch(), stream());
  kernels::norm_apply(on.extent, on.norm.numbers(), static_cast<float>(on.run.slope), x.data(),
                      on.residual(residual), y.data(), on.run.residual ? signs.data() : nullptr,
                      stream());
  on.check_scratch();
  x.values();
  residual.values();
  if (on.run.residual) CHECK(signs.values() == signs_of(on, doubles(y.values())));
  return {doubles(y.values()), doubles(on.norm.mean.values()), doubles(on.norm.inv_std.values()),
          doubles(running.mean.values()), doubles(running.variance.values())};
}

struct Gradients {
  Doubles dx, dy, dgamma, dbeta;  // dy: what it is left holding
  Doubles beside_dgamma, beside_dbeta;
};

// After forward; `y` is what it gave.
template <class T>
Gradients backward(NormOnDevice<T>& on, const NormValues<T>& v, const Doubles& y, bool accumulate) {
  const Guarded<T> x = on.activation(v.x), residual = on.activation(v.residual_x),
                   dy = on.activation(v.dy), more = on.activation(v.more),
                   dx = on.activation(Doubles(v.x.size()));
  const Guarded<std::uint8_t> signs(device(), signs_of(on, y));
  const kernels::NormArriving<T> in{dy.data(), on.run.more ? more.data() : nullptr,
                                    on.run.residual ? signs.data() : nullptr,
                                    static_cast<float>(on.run.slope)};
  const WeightGradients weights(on.channels()), weights_beside(on.channels());
  const auto branch = weights.branch(on.norm, x.data(), accumulate, dx.data()),
             second = weights_beside.branch(on.beside, residual.data(), accumulate, dy.data());
  const auto* beside = on.run.beside ? &second : nullptr;
  kernels::norm_gradient_sums(on.extent, in, branch, beside, on.scratch(), stream());
  kernels::norm_gradient_apply(on.extent, in, branch, beside, stream());
  on.check_scratch();
  weights.coefficients.values();
  weights_beside.coefficients.values();
  return {doubles(dx.values()),
          doubles(dy.values()),
          doubles(weights.dgamma.values()),
          doubles(weights.dbeta.values()),
          doubles(weights_beside.dgamma.values()),
          doubles(weights_beside.dbeta.values())};
}

template <class T>
void check_run(const NormRun& run) {
  CAPTURE(run.rows, run.channels, run.slope, run.residual, run.more, run.offset, sizeof(T));
  const NormValues<T> v(run);
  const NormCase c = run.norm_case();
  const Moments batch = batch_moments(c, v.x);
  NormOnDevice<T> on(run, v);

  const Forward got = forward(on, v);
  const Doubles y = reference_norm_act(c, v.affine, v.x, v.residual);
  // By gamma / deviation: the line that y lies on is the steeper the less a channel varies.
  Doubles factor(on.channels());
  for (std::size_t k = 0; k < factor.size(); ++k)
    factor[k] = std::abs(v.affine.gamma[k]) / std::sqrt(batch.variance[k] + c.eps);
  Doubles y_allowed = allowance<T>(y);
  for (std::size_t i = 0; i < y.size(); ++i) {
    const std::size_t k = i % factor.size();
    y_allowed[i] += 2e-7 * factor[k] * std::abs(batch.mean[k]) + (run.beside ? 1e-6 : 0);
  }
  CHECK(worst_over(got.y, y, y_allowed) < 1);
  const auto rows = static_cast<double>(run.rows);
  for (std::size_t k = 0; k < on.channels(); ++k) {
    CHECK(got.mean[k] == Approx(batch.mean[k]).epsilon(1e-6).margin(1e-6));
    CHECK(got.inv_std[k] == Approx(1 / std::sqrt(batch.variance[k] + 1e-5)).epsilon(2e-6));
    CHECK(got.running_mean[k] == Approx(0.45 + 0.1 * batch.mean[k]).epsilon(1e-6).margin(1e-6));
    CHECK(got.running_variance[k] ==
          Approx(1.8 + 0.1 * batch.variance[k] * rows / std::max(rows - 1, 1.0)).epsilon(1e-6));
  }

  const NormGradientsOf want =
      reference_norm_act_backward(c, v.affine, v.x, v.residual, v.arriving);
  NormGradientsOf beside;
  if (run.beside)
    beside = reference_norm_act_backward({run.rows, run.channels, 1}, v.beside, v.residual_x, {},
                                         want.residual);
  const bool keeps = run.more || run.residual;  // g; else dy is as it was
  const Doubles held = keeps ? want.residual : Doubles(v.x.size());
  for (const bool accumulate : {false, true}) {
    const Gradients d = backward(on, v, got.y, accumulate);
    CHECK(worst_over(d.dx, want.x, gradient_allowance<T>(c, v.affine, v.x, want.x, held)) < 1);
    if (run.beside)
      CHECK(worst_over(d.dy, beside.x,
                       gradient_allowance<T>(c, v.beside, v.residual_x, beside.x, held)) < 1);
    else
      CHECK(worst_over(d.dy, keeps ? want.residual : v.dy,
                       allowance<T>(keeps ? want.residual : v.dy)) < 1);
    const auto check_weights = [&](const Doubles& sums, Doubles expected, double before) {
      for (double& sum : expected) sum += accumulate ? before : 0;
      CHECK(worst_over(sums, expected, Doubles(expected.size(), 2e-6 * (rows + 4))) < 1);
    };
    check_weights(d.dgamma, want.gamma, 3);
    check_weights(d.dbeta, want.beta, 4);
    if (!run.beside) continue;
    check_weights(d.beside_dgamma, beside.gamma, 3);
    check_weights(d.beside_dbeta, want.beta, 4);
  }
}

const std::vector<NormRun>& runs() {
  static const std::vector<NormRun> all = [] {
    std::vector<NormRun> some;
    for (const double slope : {0.0, 1.0, 0.01})
      for (const bool residual : {false, true})
        for (const bool more : {false, true}) {
          some.push_back({33, 24, slope, residual, more});
          some.push_back({31, 5, slope, residual, more});
        }
    for (const double slope : {0.0, 1.0, 0.01})
      for (const bool more : {false, true})
        for (const int channels : {5, 24, 72})
          some.push_back({33, channels, slope, true, more, 0, true});
    some.push_back({1300, 8, 0, true, true, 0, true});
    some.push_back({1, 8, 0, true, false, 0, true});
    some.push_back({2, 1, 0, true, true, 0, true});
    some.push_back({1, 8});
    some.push_back({2, 1, 0, true});
    some.push_back({37, 16, 0, false, true, 1});  // off a pack
    some.push_back({300, 72});                    // a tile and a bit; a step and a bit
    some.push_back({1300, 8, 0, true, true});     // several blocks a tile
    some.push_back({1100, 136, 0.01});            // and several tiles
    some.push_back({4, 1032, 0, false, true});
    return some;
  }();
  return all;
}

TEST_CASE("norm kernels follow the formulas in f32", "[kernels][norm]") {
  for (const NormRun& run : runs()) check_run<float>(run);
}

TEST_CASE("norm kernels follow the formulas in bf16", "[kernels][norm]") {
  for (const NormRun& run : runs()) check_run<bf16>(run);
}

TEST_CASE("norm kernels give the same bits in every order", "[kernels][norm]") {
  for (const bool beside : {false, true}) {
    const NormRun run{1300, 72, 0, true, true, 0, beside};
    const NormValues<float> v(run);
    NormOnDevice<float> on(run, v);
    in_every_order([&] {
      const Forward f = forward(on, v);
      const Gradients d = backward(on, v, f.y, false);
      Doubles all;
      for (const Doubles* part : {&f.y, &f.mean, &f.inv_std, &f.running_variance, &d.dx, &d.dy,
                                  &d.dgamma, &d.dbeta, &d.beside_dgamma, &d.beside_dbeta})
        all.insert(all.end(), part->begin(), part->end());
      return all;
    });
  }
}

TEST_CASE("norm kernels: evaluation by running statistics", "[kernels][norm]") {
  for (const NormRun& run : {NormRun{33, 24, 0, true}, NormRun{1, 5, 0.01}, NormRun{300, 64},
                             NormRun{33, 24, 0, true, false, 0, true}}) {
    CAPTURE(run.rows, run.channels);
    const NormValues<float> v(run);
    const NormOnDevice<float> on(run, v);
    const Doubles mean = random_values(run.channels, 8),
                  variance = random_values(run.channels, 9, 0.01f, 4.f);
    const Guarded<float> running_mean(device(), stored<float>(mean)),
        running_variance(device(), stored<float>(variance));
    const auto numbers = [&](const ChannelsOnDevice& of) {
      return kernels::NormRunning{of.gamma.data(), of.beta.data(), running_mean.data(),
                                  running_variance.data(), 1e-5f};
    };
    const Guarded<float> x = on.activation(v.x), residual = on.activation(v.residual_x),
                         y = on.activation(Doubles(v.x.size()));
    kernels::NormResidual<float, kernels::NormRunning> added;
    if (run.residual) added.x = residual.data();
    if (run.beside) added.channels = numbers(on.beside);
    kernels::norm_apply_running(on.extent, numbers(on.norm), static_cast<float>(run.slope),
                                x.data(), added, y.data(), stream());
    const NormCase c = run.norm_case();
    const Doubles lines =
        run.beside ? reference_norm_linear(c, {mean, variance}, v.beside, v.residual_x, {})
                   : v.residual_x;
    const Doubles want = reference_leaky_relu(
        reference_norm_linear(c, {mean, variance}, v.affine, v.x, lines), run.slope);
    Doubles allowed = allowance<float>(want);
    for (double& a : allowed) a *= 10;  // the smallest variance makes the line steep
    CHECK(worst_over(doubles(y.values()), want, allowed) < 1);
  }
}

TEST_CASE("norm kernels: a NaN spreads over its channel and no further", "[kernels][norm]") {
  const NormRun run{300, 16};
  NormValues<float> v(run);
  v.x[5 * 16 + 3] = std::nan("");
  NormOnDevice<float> on(run, v);
  const Forward f = forward(on, v);
  for (std::size_t i = 0; i < f.y.size(); ++i) CHECK(std::isnan(f.y[i]) == (i % 16 == 3));
}

TEST_CASE("norm kernels: no rows have no statistics", "[kernels][norm]") {
  CHECK_THROWS_WITH(
      kernels::norm_statistics<float>({0, 8}, nullptr, {}, {nullptr, nullptr}, stream()),
      Catch::Contains("needs rows"));
}

TEST_CASE("norm kernels: signs are of whole packs, and have a place", "[kernels][norm]") {
  const NormRun off_a_pack{37, 16, 0, true, false, 1};
  const NormValues<float> v(off_a_pack);
  NormOnDevice<float> on(off_a_pack, v);
  CHECK_THROWS_WITH(forward(on, v), Catch::Contains("aligned to 16 bytes"));
  CHECK_THROWS_WITH(backward(on, v, v.x, false), Catch::Contains("aligned to 16 bytes"));
  const Guarded<float> x = on.activation(v.x);
  CHECK_THROWS_WITH(kernels::norm_apply<float>(on.extent, on.norm.numbers(), 0, x.data(),
                                               {x.data(), {}}, x.data(), nullptr, stream()),
                    Catch::Contains("no place for signs"));
  const auto branch = WeightGradients(16).branch(on.norm, x.data(), false, x.data());
  CHECK_THROWS_WITH(kernels::norm_gradient_sums<float>(on.extent, {x.data(), nullptr, nullptr, 0},
                                                       branch, &branch, on.scratch(), stream()),
                    Catch::Contains("signs of their sum"));
}

// Planted fault: the test must see when one of the gradients that arrive is forgotten.
TEST_CASE("norm kernels: a forgotten gradient would be seen", "[kernels][norm]") {
  NormRun run{33, 24, 0, true, true};
  const NormValues<float> v(run);
  const NormGradientsOf want =
      reference_norm_act_backward(run.norm_case(), v.affine, v.x, v.residual, v.arriving);
  run.more = false;
  NormOnDevice<float> on(run, v);
  const Forward f = forward(on, v);
  const Gradients d = backward(on, v, f.y, false);
  CHECK(worst_over(d.dx, want.x, allowance<float>(want.x)) > 100);
}

// Planted fault: a residual's gradient that stopped before its norm.
TEST_CASE("norm kernels: a forgotten norm of the residual would be seen", "[kernels][norm]") {
  NormRun run{33, 24, 0, true, true, 0, true};
  const NormValues<float> v(run);
  const NormGradientsOf arriving =
      reference_norm_act_backward(run.norm_case(), v.affine, v.x, v.residual, v.arriving);
  const NormGradientsOf want =
      reference_norm_act_backward({33, 24, 1}, v.beside, v.residual_x, {}, arriving.residual);
  NormOnDevice<float> on(run, v);
  const Forward f = forward(on, v);
  on.run.beside = false;
  CHECK(worst_over(backward(on, v, f.y, false).dy, want.x, allowance<float>(want.x)) > 100);
}

}  // namespace
}  // namespace peclr::test
