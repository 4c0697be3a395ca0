// SPDX-License-Identifier: Apache-2.0
// Batch normalisation with residual and activation against the formulas in double: values, running
// statistics and all gradients, for every lane width, type and number of branches behind it.
#include <catch2/catch.hpp>
#include <cmath>

#include "models/layers.h"
#include "tests/support/files.h"
#include "tests/support/gradient_check.h"
#include "tests/support/norm_allowance.h"
#include "tests/support/values.h"

namespace peclr {
namespace {

using namespace test;

struct NormRun {
  Shape shape;
  float slope = 0;
  bool residual = false;
  DType type = DType::f32;
  int branches = 1;     // how many ops read the output
  bool beside = false;  // the residual has a norm of its own

  NormCase norm_case() const { return {shape.count() / shape.last(), shape.last(), slope}; }
};

// Inputs of a run, exact in its type. Channels have means and spreads of their own, gamma both
// signs.
struct NormValues {
  Doubles x, residual_x, residual, first_mean, first_variance;
  NormAffine affine, beside;
  std::vector<Doubles> dy;  // what each branch sends back
  Doubles dy_sum;

  explicit NormValues(const NormRun& run) {
    const std::int64_t n = run.shape.count(), channels = run.shape.last();
    const Doubles noise = random_values(n, 1);
    for (std::size_t i = 0; i < noise.size(); ++i) {
      const auto c = static_cast<double>(i % static_cast<std::size_t>(channels) % 7);
      x.push_back(static_cast<float>(noise[i] * (1 + c / 4) + c - 3));
    }
    x = rounded_to(run.type, x);
    if (run.residual) residual = residual_x = rounded_to(run.type, random_values(n, 2));
    affine = {random_values(channels, 3, -1.5f, 1.5f), random_values(channels, 4)};
    first_mean = random_values(channels, 5);
    first_variance = random_values(channels, 6, 0.5f, 2.f);
    const NormCase c = run.norm_case();
    beside = {random_values(channels, 11, -1.5f, 1.5f), random_values(channels, 12)};
    if (run.beside)
      residual = reference_norm_linear(c, batch_moments(c, residual_x), beside, residual_x, {});
    // No gradient where the value before the activation is too near zero to know its side.
    const Doubles before = reference_norm_linear(c, batch_moments(c, x), affine, x, residual);
    dy_sum.resize(x.size());
    for (int b = 0; b < run.branches; ++b) {
      dy.push_back(rounded_to(run.type, random_values(n, 7 + static_cast<std::uint64_t>(b))));
      for (std::size_t i = 0; i < x.size(); ++i) {
        if (std::abs(before[i]) < 1e-4) dy.back()[i] = 0;
        dy_sum[i] += dy.back()[i];
      }
    }
  }
};

struct NormModel {
  explicit NormModel(Backend& backend, const NormValues& v)
      : layer(add_norm(store, "bn", static_cast<std::int64_t>(v.affine.gamma.size()))),
        beside(add_norm(store, "beside", static_cast<std::int64_t>(v.affine.gamma.size()))) {
    store.allocate(backend, 1);
    const auto set = [&](const ops::NormLayer& to, const NormAffine& affine) {
      set_values(store, *to.gamma, affine.gamma);
      set_values(store, *to.beta, affine.beta);
      to.running_mean->value.copy_from_host(floats(v.first_mean));
      to.running_variance->value.copy_from_host(floats(v.first_variance));
    };
    set(layer, v.affine);
    set(beside, v.beside);
  }
  ParameterStore store;
  ops::NormLayer layer, beside;
};

// The op on a run's tensors.
Variable norm_act(Tape& tape, const NormRun& run, const NormModel& model, const Variable& x,
                  const Variable& residual) {
  const ops::Residual added{residual, run.beside ? model.beside : ops::NormLayer{}};
  return ops::norm_act(tape, x, model.layer, {.slope = run.slope}, run.residual ? &added : nullptr);
}

Tensor on(Backend& backend, const NormRun& run, const Doubles& values) {
  return run.shape.rank() == 4 ? activation(backend, run.shape, values, run.type)
                               : plain(backend, run.shape, values);
}

// How far a channel's sums of a gradient and of its product with xhat may be off where they are of
// one that was held in bf16: half an ulp each. What a device does for a residual's norm.
struct SumsOff {
  Doubles g, gx, xhat;

  SumsOff(const NormCase& c, const Doubles& x, const Doubles& held, DType type)
      : g(static_cast<std::size_t>(c.channels)), gx(g), xhat(x.size()) {
    const Moments batch = batch_moments(c, x);
    for (std::size_t i = 0; i < x.size() && type == DType::bf16; ++i) {
      const std::size_t k = i % g.size();
      xhat[i] = std::abs(x[i] - batch.mean[k]) / std::sqrt(batch.variance[k] + c.eps);
      g[k] += 0x1p-8 * std::abs(held[i]);
      gx[k] += 0x1p-8 * std::abs(held[i]) * xhat[i];
    }
  }
  // What follows for the held gradient less its means, and so for dx by gamma / deviation.
  Doubles with(const Doubles& held, double rows) const {
    Doubles all(held.size());
    for (std::size_t i = 0; i < held.size(); ++i) {
      const std::size_t k = i % g.size();
      all[i] = std::abs(held[i]) + (g[k] + xhat[i] * gx[k]) / rows / 0x1p-8;
    }
    return all;
  }
};

// Running statistics take a tenth of the batch's each time, the variance as of a sample.
void check_running(const NormCase& c, const NormValues& v, const ops::NormLayer& layer,
                   const Doubles& x, int times) {
  const Moments batch = batch_moments(c, x);
  const double rows = static_cast<double>(c.rows);
  Doubles mean = v.first_mean, variance = v.first_variance;
  for (int time = 0; time < times; ++time)
    for (std::size_t k = 0; k < mean.size(); ++k) {
      mean[k] = 0.9 * mean[k] + 0.1 * batch.mean[k];
      variance[k] = 0.9 * variance[k] + 0.1 * batch.variance[k] * rows / std::max(rows - 1, 1.0);
    }
  CHECK(worst_over(host(layer.running_mean->value), mean, Doubles(mean.size(), 2e-6)) < 1);
  CHECK(worst_over(host(layer.running_variance->value), variance, Doubles(mean.size(), 4e-6)) < 1);
  CHECK(layer.batches->value == times);
}

void check_training(const NormRun& run) {
  CAPTURE(run.shape.text(), run.slope, run.residual, name_of(run.type), run.branches, run.beside);
  const auto backend = new_device();
  const NormValues v(run);
  NormModel model(*backend, v);
  spoil_gradients(model.store);
  const NormCase c = run.norm_case();
  const NormGradientsOf want = reference_norm_act_backward(c, v.affine, v.x, v.residual, v.dy_sum);
  NormGradientsOf beside;
  if (run.beside)
    beside = reference_norm_act_backward({c.rows, c.channels, 1}, v.beside, v.residual_x, {},
                                         want.residual);
  const double rows = static_cast<double>(c.rows);
  // The gradient behind the activation, where it is stored.
  const Doubles held = run.residual || run.branches > 1 ? want.residual : Doubles(v.x.size());

  for (int pass = 1; pass <= 2; ++pass) {
    Tape tape(Mode::train);
    const Variable x = tape.input(on(*backend, run, v.x));
    const Variable residual =
        run.residual ? tape.input(on(*backend, run, v.residual_x)) : Variable{};
    const Variable y = norm_act(tape, run, model, x, residual);
    CHECK(y.value.dtype() == run.type);
    const Doubles y_want = reference_norm_act(c, v.affine, v.x, v.residual);
    CHECK(worst_over(host(y.value), y_want, norm_allowance(y_want, run.type)) < 1);
    check_running(c, v, model.layer, v.x, pass);
    if (run.beside) check_running(c, v, model.beside, v.residual_x, pass);

    std::vector<std::pair<Variable, Tensor>> seeds;
    for (const Doubles& dy : v.dy) seeds.emplace_back(y, on(*backend, run, dy));
    backward_from(tape, *backend, seeds);
    CHECK(worst_over(host(tape.gradient(x)), want.x,
                     dx_allowance(c, v.affine, v.x, want.x, run.type, held)) < 1);
    // The second pass adds to the first.
    const auto check_weights = [&](Parameter* p, Doubles expected, const Doubles& off) {
      Doubles allowed = off;
      for (std::size_t k = 0; k < expected.size(); ++k) {
        expected[k] *= pass;
        allowed[k] = pass * (off[k] + 2e-6 * rows);
      }
      CHECK(worst_over(host(p->grad), expected, allowed) < 1);
    };
    const Doubles exact(want.gamma.size());
    check_weights(model.layer.gamma, want.gamma, exact);
    check_weights(model.layer.beta, want.beta, exact);
    if (!run.residual) continue;
    const Doubles got = host(tape.gradient(residual));
    if (!run.beside) {
      CHECK(worst_over(got, want.residual, norm_allowance(want.residual, run.type)) < 1);
      continue;
    }
    const SumsOff off(c, v.residual_x, held, run.type);
    CHECK(worst_over(got, beside.x,
                     dx_allowance(c, v.beside, v.residual_x, beside.x, run.type,
                                  off.with(held, rows))) < 1);
    check_weights(model.beside.gamma, beside.gamma, off.gx);
    check_weights(model.beside.beta, beside.beta, off.g);
  }
}

std::vector<NormRun> training_runs(DType type) {
  std::vector<NormRun> runs;
  for (const Shape& shape : {Shape{2, 5, 7, 64}, Shape{3, 4, 3, 16}, Shape{2, 3, 3, 24},
                             Shape{2, 3, 5, 12}, Shape{3, 5, 4, 5}, Shape{4, 1, 1, 32}})
    for (const float slope : {0.f, 1.f, 0.01f})
      for (const bool residual : {false, true})
        for (const int branches : {1, 2}) {
          runs.push_back({shape, slope, residual, type, branches});
          if (residual) runs.push_back({shape, slope, residual, type, branches, true});
        }
  runs.push_back({{3, 66, 65, 16}, 0, true, type, 2, true});
  runs.push_back({{3, 66, 65, 16}, 0, true, type, 2});  // several chunks, a run cut short
  runs.push_back({{70, 9, 8, 32}, 0, false, type, 1});  // several images a chunk
  runs.push_back({{9, 46, 46, 16}, 0, true, type, 1});  // many chunks
  runs.push_back({{2, 3, 3, 656}, 0, true, type, 2});   // many channels
  return runs;
}

TEST_CASE("norm_act: training in f32", "[norm]") {
  for (const NormRun& run : training_runs(DType::f32)) check_training(run);
  check_training({{2, 4, 4, 32}, 0, true, DType::f32, 3});
  check_training({{16, 32, 33, 64}, 0, true, DType::f32, 1});  // too large to stay in a cache
}

TEST_CASE("norm_act: training on rows without positions", "[norm]") {
  for (const Shape& shape :
       {Shape{6, 128}, Shape{7, 5}, Shape{64, 24}, Shape{2, 16}, Shape{3, 5, 16}, Shape{2, 7, 5}})
    for (const float slope : {0.f, 0.01f, 1.f})
      for (const int branches : {1, 2}) check_training({shape, slope, false, DType::f32, branches});
}

TEST_CASE("norm_act: training in bf16", "[norm]") {
  if (!has_bf16(*new_device())) {
    WARN("this processor has no bf16 arithmetic");
    return;
  }
  for (const NormRun& run : training_runs(DType::bf16)) check_training(run);
}

TEST_CASE("norm_act: evaluation uses the running statistics and leaves them alone", "[norm]") {
  const auto backend = new_device();
  std::vector<NormRun> runs;
  for (const DType type : {DType::f32, DType::bf16}) {
    if (type == DType::bf16 && !has_bf16(*backend)) {
      WARN("this processor has no bf16 arithmetic");
      continue;
    }
    for (const bool residual : {false, true}) {
      runs.push_back({{2, 5, 3, 64}, 0, residual, type});
      runs.push_back({{2, 5, 3, 12}, 0.01f, residual, type});
    }
    runs.push_back({{2, 5, 3, 64}, 0, true, type, 1, true});
  }
  runs.push_back({{9, 128}, 0.01f});
  runs.push_back({{1, 128}, 0});  // a single row has no statistics of its own
  for (const NormRun& run : runs) {
    CAPTURE(run.shape.text(), run.residual, name_of(run.type));
    const NormValues v(run);
    NormModel model(*backend, v);
    Tape tape(Mode::evaluate);
    const Variable y = norm_act(tape, run, model, {on(*backend, run, v.x)},
                                {run.residual ? on(*backend, run, v.residual_x) : Tensor()});
    const NormCase c = run.norm_case();
    const Moments running{v.first_mean, v.first_variance};
    const Doubles added =
        run.beside ? reference_norm_linear(c, running, v.beside, v.residual_x, {}) : v.residual_x;
    const Doubles want =
        reference_leaky_relu(reference_norm_linear(c, running, v.affine, v.x, added), run.slope);
    CHECK(worst_over(host(y.value), want, norm_allowance(want, run.type)) < 1);
    CHECK(y.node < 0);
    CHECK(host(model.layer.running_mean->value) == v.first_mean);
    CHECK(host(model.layer.running_variance->value) == v.first_variance);
    CHECK(model.layer.batches->value == 0);
  }
}

TEST_CASE("norm_act: channels far from zero keep their spread", "[norm]") {
  const auto backend = new_device();
  const NormRun run{{4, 16, 16, 32}, 1};
  NormValues v(run);
  for (double& x : v.x) x = static_cast<float>(x + 100);
  NormModel model(*backend, v);
  Tape tape(Mode::train);
  const Variable y =
      ops::norm_act(tape, {on(*backend, run, v.x)}, model.layer, {.slope = run.slope});
  const Doubles want = reference_norm_act(run.norm_case(), v.affine, v.x, {});
  CHECK(worst_over(host(y.value), want, Doubles(want.size(), 1e-4)) < 1);
}

TEST_CASE("norm_act: a channel without spread gives beta, not a NaN", "[norm]") {
  const auto backend = new_device();
  const NormRun run{{2, 3, 3, 16}, 1};
  NormValues v(run);
  for (std::size_t i = 0; i < v.x.size(); ++i) v.x[i] = i % 16 == 5 ? 0.1f : v.x[i];
  NormModel model(*backend, v);
  Tape tape(Mode::train);
  const Variable y = ops::norm_act(tape, {on(*backend, run, v.x)}, model.layer, {.slope = 1.f});
  const Doubles got = host(y.value);
  for (std::size_t i = 5; i < got.size(); i += 16)
    CHECK(got[i] == Approx(v.affine.beta[5]).margin(1e-4));
}

TEST_CASE("norm_act: other channels or another residual are named", "[norm]") {
  const auto backend = new_device();
  const NormValues v({{2, 3, 3, 16}});
  NormModel model(*backend, v);
  Tape tape(Mode::train);
  const Caught channels = caught([&] {
    ops::norm_act(tape, {backend->activation({2, 3, 3, 32}, DType::f32)}, model.layer, {});
  });
  const ops::Residual residual{{backend->activation({2, 3, 4, 16}, DType::f32)}};
  const Caught shape = caught([&] {
    ops::norm_act(tape, {backend->activation({2, 3, 3, 16}, DType::f32)}, model.layer, {},
                  &residual);
  });
  for (const Caught& error : {channels, shape}) {
    CHECK(error.kind == static_cast<int>(ErrorKind::failure));
    CHECK(error.names("bn.weight"));
  }
  CHECK(channels.names("[2, 3, 3, 32]"));
  CHECK(shape.names("[2, 3, 4, 16]"));
}

TEST_CASE("norm_act: the reference's gradient is that of its value", "[norm]") {
  for (const bool with_residual : {false, true}) {
    const NormRun run{{2, 3, 2, 4}, 0.2f, with_residual};
    const NormCase c = run.norm_case();
    const NormValues v(run);
    const auto weighted = [&](const NormAffine& a, const Doubles& x, const Doubles& residual) {
      const Doubles y = reference_norm_act(c, a, x, residual);
      double sum = 0;
      for (std::size_t i = 0; i < y.size(); ++i) sum += v.dy_sum[i] * y[i];
      return sum;
    };
    const NormGradientsOf d = reference_norm_act_backward(c, v.affine, v.x, v.residual, v.dy_sum);
    const auto of_x = [&](const Doubles& x) { return weighted(v.affine, x, v.residual); };
    const auto of_gamma = [&](const Doubles& g) {
      return weighted({g, v.affine.beta}, v.x, v.residual);
    };
    const auto of_beta = [&](const Doubles& b) {
      return weighted({v.affine.gamma, b}, v.x, v.residual);
    };
    for (const GradientReport& report :
         {check_gradient(of_x, v.x, d.x), check_gradient(of_gamma, v.affine.gamma, d.gamma),
          check_gradient(of_beta, v.affine.beta, d.beta)}) {
      INFO(report.text());
      CHECK(report.relative() < 1e-7);
      CHECK(report.kinks <= 1);
    }
    if (!with_residual) continue;
    const auto of_residual = [&](const Doubles& r) { return weighted(v.affine, v.x, r); };
    CHECK(check_gradient(of_residual, v.residual, d.residual).relative() < 1e-7);
    // Planted fault: the mean's part of the gradient forgotten.
    Doubles wrong = d.x;
    for (double& g : wrong) g += 0.01;
    CHECK(check_gradient(of_x, v.x, wrong).relative() > 1e-3);
  }
}

}  // namespace
}  // namespace peclr
