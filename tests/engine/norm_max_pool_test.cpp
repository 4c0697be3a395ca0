// SPDX-License-Identifier: Apache-2.0
// Batch normalisation, activation and max pooling in one against the three in double: values,
// running statistics and all gradients, for odd sides, every lane width, type and number of
// branches behind it.
#include <catch2/catch.hpp>

#include "models/layers.h"
#include "tests/support/files.h"
#include "tests/support/gradient_check.h"
#include "tests/support/norm_allowance.h"
#include "tests/support/norm_max_pool_reference.h"

namespace peclr {
namespace {

using namespace test;

const PoolCase kPools[] = {{2, 8, 8, 64}, {2, 7, 5, 16}, {1, 1, 1, 16}, {2, 6, 3, 12},
                           {2, 5, 4, 5},  {1, 2, 9, 24}, {3, 1, 4, 32}, {4, 7, 2, 656}};

Shape shape_of(const PoolCase& c) { return {c.images, c.height, c.width, c.channels}; }
Shape pooled(const PoolCase& c) { return {c.images, c.out_height(), c.out_width(), c.channels}; }

struct Model {
  Model(Backend& backend, const NormAffine& affine)
      : layer(add_norm(store, "bn1", static_cast<std::int64_t>(affine.gamma.size()))) {
    store.allocate(backend, 1);
    set_values(store, *layer.gamma, affine.gamma);
    set_values(store, *layer.beta, affine.beta);
  }
  ParameterStore store;
  ops::NormLayer layer;
};

// By gamma / deviation: the line that values lie on is the steeper the less a channel varies.
Doubles y_allowance(const NormMaxPoolCase& c, const NormMaxPoolValues& v, const Doubles& y,
                    DType type) {
  const Moments batch = batch_moments(c.norm(), v.x);
  Doubles allowed = norm_allowance(y, type);
  for (std::size_t i = 0; i < y.size(); ++i) {
    const std::size_t k = i % batch.mean.size();
    allowed[i] += 2e-7 * std::abs(v.affine.gamma[k] * batch.mean[k]) /
                  std::sqrt(batch.variance[k] + c.norm().eps);
  }
  return allowed;
}

struct Run {
  NormMaxPoolCase of;
  DType type = DType::f32;
  int branches = 2;  // how many ops read the output
};

struct Trained {
  Doubles y, dx, dgamma, dbeta, running_mean, running_variance;
};

Trained train(Backend& backend, Model& model, const Run& run, const NormMaxPoolValues& v) {
  const PoolCase& c = run.of.pool;
  Tape tape(Mode::train);
  const Variable x = tape.input(activation(backend, shape_of(c), v.x, run.type));
  const Variable y =
      ops::norm_max_pool(tape, x, model.layer, {.slope = static_cast<float>(run.of.slope)});
  REQUIRE(y.value.shape() == pooled(c));
  CHECK(y.value.dtype() == run.type);
  std::vector<std::pair<Variable, Tensor>> seeds;
  for (std::size_t i = 0; i < static_cast<std::size_t>(run.branches); ++i)
    seeds.emplace_back(y, activation(backend, pooled(c), v.dy[i], run.type));
  const Doubles values = host(y.value);
  backward_from(tape, backend, seeds);
  const ops::NormLayer& layer = model.layer;
  return {values,
          host(tape.gradient(x)),
          host(layer.gamma->grad),
          host(layer.beta->grad),
          host(layer.running_mean->value),
          host(layer.running_variance->value)};
}

// Running statistics begin as 0 and 1 and take a tenth of the batch's, the variance as of a sample.
void check_running(const NormCase& c, const Doubles& x, const Trained& got) {
  const Moments batch = batch_moments(c, x);
  Doubles mean = batch.mean, variance = batch.variance;
  const auto rows = static_cast<double>(c.rows);
  for (double& m : mean) m *= .1;
  for (double& s : variance) s = .9 + .1 * s * rows / std::max(rows - 1, 1.);
  CHECK(worst_over(got.running_mean, mean, Doubles(mean.size(), 2e-6)) < 1);
  CHECK(worst_over(got.running_variance, variance, Doubles(mean.size(), 4e-6)) < 1);
}

void check_training(const Run& run) {
  const NormMaxPoolCase& c = run.of;
  CAPTURE(c.pool.height, c.pool.width, c.pool.channels, c.slope, name_of(run.type), run.branches);
  const auto backend = new_device();
  NormMaxPoolValues v(c);
  if (run.branches == 1) v.dy_sum = v.dy[0];
  const Doubles y = reference_norm_max_pool(c, v.affine, v.x);
  const NormGradientsOf want = reference_norm_max_pool_backward(c, v.affine, v.x, v.dy_sum);
  Model model(*backend, v.affine);
  for (int pass = 1; pass <= 2; ++pass) {
    const Trained got = train(*backend, model, run, v);
    CHECK(worst_over(got.y, y, y_allowance(c, v, y, run.type)) < 1);
    CHECK(worst_over(got.dx, want.x,
                     dx_allowance(c.norm(), v.affine, v.x, want.x, run.type, v.meeting(c))) < 1);
    const auto check_weights = [&](const Doubles& sums, Doubles expected) {
      for (double& g : expected) g *= pass;  // the second pass adds to the first
      const double allowed = 2e-6 * pass * static_cast<double>(c.norm().rows);
      CHECK(worst_over(sums, expected, Doubles(expected.size(), allowed)) < 1);
    };
    check_weights(got.dgamma, want.gamma);
    check_weights(got.dbeta, want.beta);
    CHECK(model.layer.batches->value == pass);
    if (pass == 1) check_running(c.norm(), v.x, got);
  }
}

void check_all(DType type) {
  for (const PoolCase& pool : kPools)
    for (const double slope : {0., 1., .01})
      for (const int branches : {1, 2}) check_training({{pool, slope}, type, branches});
  check_training({{{4, 66, 65, 64}, 0}, type});  // several chunks, too large to stay in a cache
}

TEST_CASE("norm_max_pool: training in f32", "[norm]") { check_all(DType::f32); }

TEST_CASE("norm_max_pool: training in bf16", "[norm]") {
  if (!has_bf16(*new_device())) {
    WARN("this processor has no bf16 arithmetic");
    return;
  }
  check_all(DType::bf16);
}

TEST_CASE("norm_max_pool: evaluation uses the running statistics and leaves them alone", "[norm]") {
  const auto backend = new_device();
  for (const DType type : {DType::f32, DType::bf16}) {
    if (type == DType::bf16 && !has_bf16(*backend)) {
      WARN("this processor has no bf16 arithmetic");
      continue;
    }
    for (const PoolCase& pool : kPools) {
      CAPTURE(pool.height, pool.width, pool.channels, name_of(type));
      const NormMaxPoolCase c{pool, .01};
      const NormMaxPoolValues v(c);
      Model model(*backend, v.affine);
      const Doubles mean = random_values(pool.channels, 7),
                    variance = random_values(pool.channels, 8, .5f, 2.f);
      model.layer.running_mean->value.copy_from_host(floats(mean));
      model.layer.running_variance->value.copy_from_host(floats(variance));
      Tape tape(Mode::evaluate);
      const Variable y = ops::norm_max_pool(tape, {activation(*backend, shape_of(pool), v.x, type)},
                                            model.layer, {.slope = .01f});
      const Doubles want = reference_max_pool(
          pool, reference_leaky_relu(
                    reference_norm_linear(c.norm(), {mean, variance}, v.affine, v.x, {}), .01));
      CHECK(worst_over(host(y.value), want, norm_allowance(want, type)) < 1);
      CHECK(y.node < 0);
      CHECK(host(model.layer.running_mean->value) == mean);
      CHECK(host(model.layer.running_variance->value) == variance);
      CHECK(model.layer.batches->value == 0);
    }
  }
}

TEST_CASE("norm_max_pool: a value that is not a number is not lost", "[norm]") {
  const auto backend = new_device();
  const NormMaxPoolCase c{{1, 4, 4, 16}};
  NormMaxPoolValues v(c);
  v.x[5 * 16 + 3] = std::numeric_limits<double>::quiet_NaN();  // position (1, 1), channel 3
  Model model(*backend, v.affine);
  const Variable x{activation(*backend, {1, 4, 4, 16}, v.x, DType::f32)};
  for (const Mode mode : {Mode::evaluate, Mode::train}) {
    Tape tape(mode);
    const Doubles y = host(ops::norm_max_pool(tape, x, model.layer, {}).value);
    for (std::size_t i = 0; i < y.size(); ++i) CHECK(std::isnan(y[i]) == (i % 16 == 3));
  }
}

TEST_CASE("norm_max_pool: other channels and rows without positions are named", "[norm]") {
  const auto backend = new_device();
  Model model(*backend, {Doubles(16, 1), Doubles(16)});
  Tape tape(Mode::train);
  const auto run = [&](const Tensor& x) {
    return caught([&] { ops::norm_max_pool(tape, {x}, model.layer, {}); });
  };
  const Caught channels = run(backend->activation({2, 3, 3, 32}, DType::f32)),
               rows = run(Tensor(*backend, {2, 16}, DType::f32));
  for (const Caught& error : {channels, rows}) {
    CHECK(error.kind == static_cast<int>(ErrorKind::failure));
    CHECK(error.names("bn1.weight"));
  }
  CHECK(channels.names("[2, 3, 3, 32]"));
  CHECK(rows.names("[2, 16]"));
}

TEST_CASE("norm_max_pool: the reference's gradient is that of its value", "[norm]") {
  const NormMaxPoolCase c{{2, 5, 4, 3}, .2};
  NormMaxPoolValues v(c);
  v.x = random_values(c.count(), 9);
  const auto weighted = [&](const NormAffine& a, const Doubles& x) {
    const Doubles y = reference_norm_max_pool(c, a, x);
    double sum = 0;
    for (std::size_t i = 0; i < y.size(); ++i) sum += v.dy_sum[i] * y[i];
    return sum;
  };
  const NormGradientsOf d = reference_norm_max_pool_backward(c, v.affine, v.x, v.dy_sum);
  const GradientReport of_x =
      check_gradient([&](const Doubles& x) { return weighted(v.affine, x); }, v.x, d.x);
  const GradientReport of_gamma = check_gradient(
      [&](const Doubles& g) {
        return weighted({g, v.affine.beta}, v.x);
      },
      v.affine.gamma, d.gamma);
  const GradientReport of_beta = check_gradient(
      [&](const Doubles& b) {
        return weighted({v.affine.gamma, b}, v.x);
      },
      v.affine.beta, d.beta);
  for (const GradientReport& report : {of_x, of_gamma, of_beta}) {
    INFO(report.text());
    CHECK(report.relative() < 1e-7);
    CHECK(report.kinks <= report.looked / 10);
  }
}

// Planted faults: one place's gradient at another place of its channel, or nowhere.
TEST_CASE("norm_max_pool: a gradient at another place would be seen", "[norm]") {
  const auto backend = new_device();
  const Run run{{{2, 7, 5, 16}, 0}};
  const NormMaxPoolCase& c = run.of;
  const NormMaxPoolValues v(c);
  Model model(*backend, v.affine);
  const Trained got = train(*backend, model, run, v);
  const NormGradientsOf right = reference_norm_max_pool_backward(c, v.affine, v.x, v.dy_sum);
  const Doubles allowed = dx_allowance(c.norm(), v.affine, v.x, right.x, run.type, v.meeting(c));
  CHECK(worst_over(got.dx, right.x, allowed) < 1);
  const Doubles map = reference_norm_act(c.norm(), v.affine, v.x, {});
  Doubles sent = reference_max_pool_backward(c.pool, map, v.dy_sum);
  std::size_t from = 0;
  while (map[from] <= 0 || sent[from] == 0) ++from;
  std::size_t to = from % 16;
  while (to == from || map[to] <= 0) to += 16;
  sent[to] += std::exchange(sent[from], 0.);
  const NormGradientsOf moved = reference_norm_act_backward(c.norm(), v.affine, v.x, {}, sent);
  CHECK(worst_over(got.dx, moved.x, allowed) > 100);
  sent[to] = 0;
  const NormGradientsOf lost = reference_norm_act_backward(c.norm(), v.affine, v.x, {}, sent);
  CHECK(worst_over(got.dbeta, lost.beta, Doubles(16, 2e-6 * double(c.norm().rows))) > 10);
}

}  // namespace
}  // namespace peclr
