// SPDX-License-Identifier: Apache-2.0
// Convolution, linear layer and pooling against plain loops in double: values and all gradients, in
// f32 and bf16, and the references themselves against differences.
#include "engine/ops.h"

#include <catch2/catch.hpp>
#include <limits>

#include "tests/support/files.h"
#include "tests/support/gradient_check.h"
#include "tests/support/values.h"

namespace peclr {
namespace {

using namespace test;

Doubles magnitudes(Doubles values) {
  for (double& v : values) v = std::abs(v);
  return values;
}

// What rounding may do to a sum of products whose magnitudes add up to `magnitude`: a few ulps of
// float, and where the result is stored as bf16 half an ulp of that, 2^-8 of the value.
Doubles allowance(const Doubles& want, const Doubles& magnitude, DType stored,
                  double rounding = 0x1p-22) {
  Doubles allowed(want.size());
  for (std::size_t i = 0; i < want.size(); ++i)
    allowed[i] = rounding * magnitude[i] + 1e-30 +
                 (stored == DType::bf16 ? 0x1p-8 * std::abs(want[i]) : 0.0);
  return allowed;
}

struct ConvRun {
  ConvCase c;
  Doubles x, w, dy;
  DType compute, x_type;

  ConvRun(const ConvCase& shape, DType type) : c(shape), compute(type) {
    // The stem reads f32 pictures whatever the arithmetic; its weights and pictures are rounded on
    // the way in.
    x_type = c.in == 3 ? DType::f32 : compute;
    x = rounded_to(compute, random_values(c.images * c.height * c.width * c.in, 1));
    w = rounded_to(compute, random_values(c.out * c.kernel * c.kernel * c.in, 2));
    dy = rounded_to(compute, random_values(c.images * c.out_height() * c.out_width() * c.out, 3));
  }
  Shape x_shape() const { return {c.images, c.height, c.width, c.in}; }
  Shape y_shape() const { return {c.images, c.out_height(), c.out_width(), c.out}; }
};

// A tensor core cuts its sums off after every few products instead of rounding them, so errors do
// not cancel: over 2304 products, three times what a few ulps allow.
double rounding_of(DType compute) {
  const bool tensor_cores = compute == DType::bf16 && std::string_view(device_name()) == "cuda";
  return tensor_cores ? 0x1p-19 : 0x1p-22;
}

void check_conv(const ConvCase& shape, DType compute, double rounding) {
  CAPTURE(shape.in, shape.out, shape.kernel, shape.stride, shape.padding, name_of(compute));
  const auto backend = new_device();
  const ConvRun run(shape, compute);
  const ConvCase& c = run.c;
  ParameterStore store;
  Parameter& w = store.add("conv.weight", {c.out, c.kernel, c.kernel, c.in}, Init::zero);
  store.allocate(*backend, 1);
  set_values(store, w, run.w);
  spoil_gradients(store);
  const ConvSpec spec{static_cast<int>(c.stride), static_cast<int>(c.padding)};
  const ProductGradients want = reference_conv_backward(c, run.x, run.w, run.dy);
  const ProductGradients size =
      reference_conv_backward(c, magnitudes(run.x), magnitudes(run.w), magnitudes(run.dy));
  const bool wants_dx = run.x_type == compute;
  for (int pass = 1; pass <= 2; ++pass) {
    Tape tape(Mode::train);
    const Tensor input = run.x_type == DType::f32 && c.in == 3
                             ? plain(*backend, run.x_shape(), run.x)
                             : activation(*backend, run.x_shape(), run.x, run.x_type);
    const Variable x = wants_dx ? tape.input(input) : Variable{input};
    const Variable y = ops::conv2d(tape, x, w, spec, compute);
    REQUIRE(y.value.shape() == run.y_shape());
    CHECK(y.value.dtype() == compute);
    const Doubles y_want = reference_conv(c, run.x, run.w);
    const Doubles y_size = reference_conv(c, magnitudes(run.x), magnitudes(run.w));
    CHECK(worst_over(host(y.value), y_want, allowance(y_want, y_size, compute, rounding)) < 1);

    tape.backward_from(y, activation(*backend, run.y_shape(), run.dy, compute));
    if (wants_dx)
      CHECK(worst_over(host(tape.gradient(x)), want.x,
                       allowance(want.x, size.x, compute, rounding)) < 1);
    Doubles dw = want.w, dw_size = size.w;  // the second pass adds to the first
    for (double& v : dw) v *= pass;
    for (double& v : dw_size) v *= pass;
    CHECK(worst_over(host(w.grad), dw, allowance(dw, dw_size, DType::f32, rounding)) < 1);
  }
}

const ConvCase kConvolutions[] = {
    // images, height, width, in, out, kernel, stride, padding
    {2, 15, 12, 3, 64, 7, 2, 3},  // the stem
    {2, 6, 5, 3, 16, 3, 1, 1},    // another number of channels behind a picture
    {2, 6, 7, 64, 64, 3, 1, 1},   // inside a stage
    {2, 7, 6, 64, 128, 3, 2, 1},  // into the next stage, odd and even sides
    {2, 7, 6, 64, 128, 1, 2, 0},  // its short cut
    {3, 4, 4, 64, 256, 1, 1, 0},  // bottleneck
    {1, 9, 9, 16, 32, 7, 1, 3},   // large window
    {2, 5, 5, 32, 16, 3, 1, 0},   // no padding
    {2, 1, 1, 32, 32, 3, 1, 1},   // a window that is mostly outside
    {2, 6, 5, 5, 12, 3, 1, 1},    // channels of no block
    {2, 6, 5, 12, 5, 3, 2, 1},    //
    {2, 5, 4, 16, 5, 1, 1, 0},    // from a block to none and back
    {2, 5, 4, 5, 16, 1, 1, 0},    //
    {2, 5, 4, 32, 16, 1, 1, 1},   // a window of one place, and outputs that meet padding alone
    {2, 5, 4, 24, 8, 3, 1, 1},    // a block of 8 but not of 16
    {16, 9, 9, 16, 32, 3, 2, 1},  // a map too large for products, in calls of part of the batch
};

TEST_CASE("conv2d: values and gradients in f32", "[ops]") {
  for (const ConvCase& c : kConvolutions) check_conv(c, DType::f32, rounding_of(DType::f32));
}

// A batch for which Winograd's algorithm may be taken. F(4x4, 3x3) sums up to ten times its input
// (4 + 5 + 1) before it multiplies (Lavin & Gray 2016), so rounding may do eight times
// as much.
TEST_CASE("conv2d: values and gradients of a larger batch", "[ops]") {
  check_conv({32, 9, 8, 64, 64, 3, 1, 1}, DType::f32, 0x1p-19);
  if (has_bf16(*new_device()))
    check_conv({32, 9, 8, 64, 64, 3, 1, 1}, DType::bf16, rounding_of(DType::bf16));
}

TEST_CASE("conv2d: values and gradients in bf16", "[ops]") {
  if (!has_bf16(*new_device())) {
    WARN("this processor has no bf16 arithmetic");
    return;
  }
  for (const ConvCase& c : kConvolutions) check_conv(c, DType::bf16, rounding_of(DType::bf16));
}

TEST_CASE("conv2d: new weights are seen, whoever wrote them", "[ops]") {
  const auto backend = new_device();
  const ConvCase c{1, 4, 4, 16, 16, 3, 1, 1};
  const Doubles x = random_values(256, 4);
  ParameterStore store;
  Parameter& w = store.add("conv.weight", {16, 3, 3, 16}, Init::zero);
  store.allocate(*backend, 1);
  const Tensor input = activation(*backend, {1, 4, 4, 16}, x, DType::f32);
  for (std::uint64_t seed = 5; seed < 8; ++seed) {
    const Doubles weights = random_values(16 * 9 * 16, seed);
    set_values(store, w, weights);
    Tape tape(Mode::evaluate);
    const Variable y = ops::conv2d(tape, {input}, w, {1, 1}, DType::f32);
    const Doubles want = reference_conv(c, x, weights);
    CHECK(worst_over(host(y.value), want, Doubles(want.size(), 1e-4)) < 1);
  }
}

TEST_CASE("conv2d: a window or channels that do not fit are named", "[ops]") {
  const auto backend = new_device();
  ParameterStore store;
  Parameter& w = store.add("layer1.conv", {16, 3, 3, 16}, Init::zero);
  store.allocate(*backend, 1);
  const auto run = [&](const Shape& shape, int stride) {
    return caught([&] {
      Tape tape(Mode::train);
      ops::conv2d(tape, {backend->activation(shape, DType::f32)}, w, {stride, 0}, DType::f32);
    });
  };
  for (const Caught& error : {run({1, 8, 8, 32}, 1), run({1, 2, 8, 16}, 1), run({1, 8, 2, 16}, 2),
                              run({1, 1, 8, 16}, 2)}) {
    CHECK(error.kind == static_cast<int>(ErrorKind::failure));
    CHECK(error.names("layer1.conv"));
    CHECK(error.one_line());
  }
  CHECK(run({1, 3, 3, 16}, 2).kind == 0);
}

TEST_CASE("linear: values and gradients, with and without bias", "[ops]") {
  const auto backend = new_device();
  const LinearCase cases[] = {{8, 512, 128}, {5, 7, 3}, {1, 64, 1}, {33, 64, 64}};
  for (const LinearCase& c : cases)
    for (const bool with_bias : {true, false}) {
      CAPTURE(c.rows, c.in, c.out, with_bias);
      const Doubles x = random_values(c.rows * c.in, 1), w = random_values(c.out * c.in, 2);
      const Doubles b = with_bias ? random_values(c.out, 3) : Doubles{};
      const Doubles dy = random_values(c.rows * c.out, 4);
      ParameterStore store;
      Parameter& weight = store.add("fc.weight", {c.out, c.in}, Init::zero);
      Parameter* bias = with_bias ? &store.add("fc.bias", {c.out}, Init::zero) : nullptr;
      store.allocate(*backend, 1);
      set_values(store, weight, w);
      if (bias) set_values(store, *bias, b);
      spoil_gradients(store);
      const ProductGradients want = reference_linear_backward(c, x, w, dy);
      const ProductGradients size =
          reference_linear_backward(c, magnitudes(x), magnitudes(w), magnitudes(dy));
      for (int pass = 1; pass <= 2; ++pass) {
        Tape tape(Mode::train);
        const Variable input = tape.input(plain(*backend, {c.rows, c.in}, x));
        const Variable y = ops::linear(tape, input, weight, bias);
        const Doubles y_want = reference_linear(c, x, w, b);
        const Doubles y_size = reference_linear(c, magnitudes(x), magnitudes(w), magnitudes(b));
        CHECK(worst_over(host(y.value), y_want, allowance(y_want, y_size, DType::f32)) < 1);
        tape.backward_from(y, plain(*backend, {c.rows, c.out}, dy));
        CHECK(worst_over(host(tape.gradient(input)), want.x,
                         allowance(want.x, size.x, DType::f32)) < 1);
        Doubles dw = want.w, db = column_sums(dy, c.out);
        for (double& v : dw) v *= pass;
        for (double& v : db) v *= pass;
        CHECK(worst_over(host(weight.grad), dw, Doubles(dw.size(), 2e-6 * double(c.rows))) < 1);
        if (bias)
          CHECK(worst_over(host(bias->grad), db, Doubles(db.size(), 1e-6 * double(c.rows))) < 1);
      }
      Tape tape(Mode::train);
      const Caught error = caught([&] {
        ops::linear(tape, {plain(*backend, {1, c.in + 1}, Doubles(c.in + 1))}, weight, bias);
      });
      CHECK(error.kind == static_cast<int>(ErrorKind::failure));
      CHECK(error.names("fc.weight"));
    }
}

TEST_CASE("linear: a bias of another length is named", "[ops]") {
  const auto backend = new_device();
  ParameterStore store;
  Parameter& weight = store.add("fc.weight", {4, 3}, Init::zero);
  Parameter& bias = store.add("fc.bias", {3}, Init::zero);
  store.allocate(*backend, 1);
  const Caught error = caught([&] {
    Tape tape(Mode::evaluate);
    ops::linear(tape, {plain(*backend, {2, 3}, Doubles(6))}, weight, &bias);
  });
  CHECK(error.kind == static_cast<int>(ErrorKind::failure));
  CHECK((error.names("fc.weight") && error.names("bias [3]")));
}

void check_mean_pool(const PoolCase& c, DType type) {
  CAPTURE(c.height, c.width, c.channels, name_of(type));
  const auto backend = new_device();
  const Shape shape{c.images, c.height, c.width, c.channels};
  const Doubles x = rounded_to(type, random_values(shape.count(), 1, -4, 4));
  Tape tape(Mode::train);
  const Variable in = tape.input(activation(*backend, shape, x, type)),
                 y = ops::mean_pool(tape, in);
  REQUIRE(y.value.shape() == Shape{c.images, c.channels});
  CHECK(y.value.dtype() == DType::f32);
  const Doubles mean = reference_mean_pool(c, x);
  CHECK(worst_over(host(y.value), mean, Doubles(mean.size(), 4e-6)) < 1);
  const Doubles dy = random_values(c.images * c.channels, 3);
  const Doubles want = reference_mean_pool_backward(c, dy);
  tape.backward_from(y, plain(*backend, {c.images, c.channels}, dy));
  CHECK(worst_over(host(tape.gradient(in)), want, allowance(want, Doubles(want.size(), 1), type)) <
        1);
}

const PoolCase kPools[] = {{2, 8, 8, 64}, {2, 7, 5, 16}, {1, 1, 1, 16}, {2, 6, 3, 12},
                           {2, 5, 4, 5},  {1, 2, 9, 24}, {3, 1, 4, 32}};

TEST_CASE("mean pooling: values and gradients in f32", "[ops]") {
  for (const PoolCase& c : kPools) check_mean_pool(c, DType::f32);
}

TEST_CASE("mean pooling: values and gradients in bf16", "[ops]") {
  if (!has_bf16(*new_device())) {
    WARN("this processor has no bf16 arithmetic");
    return;
  }
  for (const PoolCase& c : kPools) check_mean_pool(c, DType::bf16);
}

TEST_CASE("mean pooling: a value that is not a number is not lost", "[ops]") {
  const auto backend = new_device();
  Doubles x = random_values(4 * 4 * 16, 1);
  x[5 * 16 + 3] = std::numeric_limits<double>::quiet_NaN();  // position (1, 1), channel 3
  Tape tape(Mode::evaluate);
  const Tensor input = activation(*backend, {1, 4, 4, 16}, x, DType::f32);
  const Doubles y = host(ops::mean_pool(tape, {input}).value);
  for (std::size_t i = 0; i < y.size(); ++i) CHECK(std::isnan(y[i]) == (i == 3));
}

TEST_CASE("the references' gradients are those of their values", "[ops]") {
  const ConvCase conv{2, 5, 4, 3, 2, 3, 2, 1};
  const Doubles x = random_values(2 * 5 * 4 * 3, 1), w = random_values(2 * 9 * 3, 2);
  const auto weighted = [](const Doubles& y) {
    double sum = 0;
    for (std::size_t i = 0; i < y.size(); ++i) sum += std::sin(1.0 + static_cast<double>(i)) * y[i];
    return sum;
  };
  const auto seeds = [](std::int64_t n) {
    Doubles dy;
    for (std::int64_t i = 0; i < n; ++i) dy.push_back(std::sin(1.0 + static_cast<double>(i)));
    return dy;
  };
  const ProductGradients d = reference_conv_backward(conv, x, w, seeds(2 * 3 * 2 * 2));
  const auto of_x = [&](const Doubles& at) { return weighted(reference_conv(conv, at, w)); };
  const auto of_w = [&](const Doubles& at) { return weighted(reference_conv(conv, x, at)); };
  CHECK(check_gradient(of_x, x, d.x).relative() < 1e-9);
  CHECK(check_gradient(of_w, w, d.w).relative() < 1e-9);

  const PoolCase pool{2, 5, 4, 3};
  const auto of_max = [&](const Doubles& at) { return weighted(reference_max_pool(pool, at)); };
  const GradientReport report =
      check_gradient(of_max, x, reference_max_pool_backward(pool, x, seeds(2 * 3 * 2 * 3)));
  CHECK(report.relative() < 1e-9);
  CHECK(report.kinks <= 2);
  const auto of_mean = [&](const Doubles& at) { return weighted(reference_mean_pool(pool, at)); };
  CHECK(check_gradient(of_mean, x, reference_mean_pool_backward(pool, seeds(2 * 3))).relative() <
        1e-9);

  // Planted faults: one element of a gradient off by a percent, and one that is not a number.
  Doubles wrong = d.x;
  wrong[7] *= 1.01;
  CHECK(check_gradient(of_x, x, wrong).relative() > 1e-4);
  wrong[7] = std::numeric_limits<double>::quiet_NaN();
  CHECK_FALSE(check_gradient(of_x, x, wrong).relative() < 1e300);
  CHECK_FALSE(worst_over(wrong, d.x, Doubles(wrong.size(), 1e9)) < 1);
}

}  // namespace
}  // namespace peclr
