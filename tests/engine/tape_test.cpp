// SPDX-License-Identifier: Apache-2.0
// The tape: order of the walk, values used several times, several outputs, memory given back on the
// way, and what evaluation and a second walk do. Last, a small network through all of it.
#include "engine/tape.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <type_traits>

#include "models/layers.h"
#include "tests/support/files.h"
#include "tests/support/gradient_check.h"
#include "tests/support/values.h"

namespace peclr {
namespace {

using namespace test;

struct Fixture {
  std::unique_ptr<Backend> backend = new_device();
  Tape tape{Mode::train};
  std::string order;  // names of the nodes that ran

  Tensor number(double value) { return plain(*backend, {1}, {value}); }
  // y = factor * x of single numbers; leaves its name when its gradient is asked for.
  Variable times(const Variable& x, double factor, char name) {
    return tape.record_summed(number(factor * host(x.value)[0]), [=, this](const Tensor& grad) {
      order += name;
      tape.send(x, number(factor * host(grad)[0]));
    });
  }
  Variable sum(const std::vector<Variable>& terms, char name) {
    double total = 0;
    for (const Variable& v : terms) total += host(v.value)[0];
    return tape.record_summed(number(total), [=, this](const Tensor& grad) {
      order += name;
      for (const Variable& v : terms) tape.send(v, number(host(grad)[0]));
    });
  }
  double gradient(const Variable& x) { return host(tape.gradient(x))[0]; }
};

static_assert(!std::is_copy_constructible_v<Tape> && !std::is_move_constructible_v<Tape> &&
              !std::is_copy_assignable_v<Tape> && !std::is_move_assignable_v<Tape>);

TEST_CASE("tape: the walk goes from the last op to the first", "[tape]") {
  Fixture f;
  const Variable x = f.tape.input(f.number(3));
  const Variable a = f.times(x, 2, 'a'), b = f.times(a, 5, 'b'), c = f.times(b, 7, 'c');
  CHECK(host(c.value) == Doubles{210});
  f.tape.backward(c, 0.5f);
  CHECK(f.order == "cba");
  CHECK(f.gradient(x) == 35);
}

TEST_CASE("tape: gradients of all uses of a value add up before it is walked", "[tape]") {
  for (int uses = 1; uses <= 5; ++uses) {
    Fixture f;
    const Variable x = f.tape.input(f.number(1)), a = f.times(x, 10, 'a');
    std::vector<Variable> terms;
    for (int i = 0; i < uses; ++i) terms.push_back(f.times(a, i + 1, static_cast<char>('p' + i)));
    f.tape.backward(f.sum(terms, 's'));
    CHECK(f.order == "s" + std::string("tsrqp").substr(static_cast<std::size_t>(5 - uses)) + "a");
    CHECK(f.gradient(x) == 10 * uses * (uses + 1) / 2);
  }
  // The same value twice in one op, and an input that several ops read.
  Fixture f;
  const Variable x = f.tape.input(f.number(1));
  f.tape.backward(f.sum({x, x, f.times(x, 4, 'p'), x}, 's'));
  CHECK(f.gradient(x) == 7);
}

TEST_CASE("tape: an op may take the second branch's gradient by itself", "[tape]") {
  Fixture f;
  const Variable x = f.tape.input(f.number(1));
  double first = 0, second = 0;
  const Variable a = f.tape.record(f.number(1), [&](const Tensor& grad, const Tensor& more) {
    first = host(grad)[0];
    second = more.defined() ? host(more)[0] : -1;
    f.tape.send(x, f.number(1));
  });
  SECTION("one branch") {
    f.tape.backward(f.times(a, 3, 'p'));
    CHECK(first == 3);
    CHECK(second == -1);
  }
  SECTION("three branches: the third is added to the second") {
    const Variable p = f.times(a, 3, 'p'), q = f.times(a, 4, 'q'), r = f.times(a, 5, 'r');
    f.tape.backward(f.sum({p, q, r}, 's'));
    CHECK(first == 5);
    CHECK(second == 7);
  }
}

TEST_CASE("tape: what no gradient reaches is not run", "[tape]") {
  Fixture f;
  const Variable x = f.tape.input(f.number(1)), y = f.tape.input(f.number(1));
  const Variable used = f.times(x, 2, 'a');
  f.times(y, 2, 'b');
  f.times(used, 2, 'c');  // after the loss
  const Variable loss = f.times(used, 3, 'l');
  f.times(loss, 2, 'd');
  f.tape.backward(loss);
  CHECK(f.order == "la");
  CHECK(f.gradient(x) == 6);
  CHECK_FALSE(f.tape.gradient(y).defined());
}

TEST_CASE("tape: a node that is notified runs without a gradient of its own", "[tape]") {
  Fixture f;
  const Variable x = f.tape.input(f.number(1));
  bool ran = false, got = true;
  double boxed = 0;
  const Variable node = f.tape.record(f.number(0), [&](const Tensor& grad, const Tensor&) {
    ran = true;
    got = grad.defined();
    f.tape.send(x, f.number(boxed));
  });
  const Variable output = f.tape.record_summed(f.number(1), [&](const Tensor& grad) {
    boxed = host(grad)[0];
    f.tape.notify(node);
  });
  SECTION("through the output") {
    f.tape.backward(f.times(output, 6, 'p'));
    CHECK(ran);
    CHECK_FALSE(got);
    CHECK(f.gradient(x) == 6);
  }
  SECTION("not when the output is unused") {
    f.tape.backward(f.times(x, 2, 'p'));
    CHECK_FALSE(ran);
  }
}

TEST_CASE("tape: a second walk is refused", "[tape]") {
  Fixture f;
  const Variable loss = f.times(f.tape.input(f.number(1)), 2, 'a');
  f.tape.backward(loss);
  const Caught again = caught([&] { f.tape.backward(loss); });
  CHECK(again.kind == static_cast<int>(ErrorKind::failure));
  CHECK(again.one_line());
  CHECK(f.order == "a");
}

TEST_CASE("tape: evaluation records nothing", "[tape]") {
  const auto backend = new_device();
  Tape tape(Mode::evaluate);
  const Tensor one = plain(*backend, {1}, {1});
  CHECK_FALSE(tape.training());
  const Variable x = tape.input(one);
  auto kept = std::make_shared<int>(0);
  const Variable y = tape.record(one, [kept](const Tensor&, const Tensor&) {});
  const Variable z = tape.record_summed(one, [kept](const Tensor&) {});
  for (const Variable& v : {x, y, z}) CHECK(v.node < 0);
  CHECK(kept.use_count() == 1);  // no closure is held
  CHECK(caught([&] { tape.backward(y); }).kind == static_cast<int>(ErrorKind::failure));
  CHECK(caught([&] { tape.gradient(x); }).kind == static_cast<int>(ErrorKind::failure));
  tape.send(x, one);  // wanted by nobody
  tape.notify(x);
}

TEST_CASE("tape: what a node kept is given back before the next one runs", "[tape]") {
  Fixture f;
  const std::int64_t before = f.backend->memory().bytes_in_use;
  constexpr std::int64_t kBytes = 4 << 20;
  Variable last = f.tape.input(f.number(1));
  std::vector<std::int64_t> held;  // in units of what a node keeps
  for (int i = 0; i < 4; ++i) {
    const Tensor kept(*f.backend, {kBytes / 4}, DType::f32);
    last = f.tape.record_summed(f.number(1), [&, kept, x = last](const Tensor&) {
      held.push_back((f.backend->memory().bytes_in_use - before) / kBytes);
      f.tape.send(x, f.number(1));
    });
  }
  f.tape.backward(last);
  CHECK(held == std::vector<std::int64_t>{4, 3, 2, 1});
}

// Pictures -> 3x3 convolution, norm, ReLU, max pooling -> a block whose skip goes through a 1x1
// convolution -> mean -> linear layer: all ops, all kinds of branching, on the tape and in double.
struct SmallNetwork {
  static constexpr std::int64_t kImages = 3, kSide = 6, kWidth = 16, kOut = 5;
  ParameterStore store;
  Parameter& stem = add_conv(store, "stem", kWidth, 3, 3);
  ops::NormLayer stem_norm = add_norm(store, "stem_norm", kWidth);
  Parameter& conv = add_conv(store, "conv", 2 * kWidth, kWidth, 3);
  ops::NormLayer norm = add_norm(store, "norm", 2 * kWidth);
  Parameter& skip = add_conv(store, "skip", 2 * kWidth, kWidth, 1);
  ops::NormLayer skip_norm = add_norm(store, "skip_norm", 2 * kWidth);
  LinearLayer head = add_linear(store, "head", kOut, 2 * kWidth, Bias::learned);

  Variable forward(Tape& tape, const Variable& images) const {
    constexpr NormSpec leaky{.slope = 0.1f};
    Variable x = ops::conv2d(tape, images, stem, {1, 1}, DType::f32);
    x = ops::norm_max_pool(tape, x, stem_norm, leaky);
    const ops::Residual side{ops::conv2d(tape, x, skip, {1, 0}, DType::f32), skip_norm};
    x = ops::norm_act(tape, ops::conv2d(tape, x, conv, {1, 1}, DType::f32), norm, leaky, &side);
    return apply(tape, head, ops::mean_pool(tape, x));
  }

  // The same in double; `values` holds the parameters in the order of the store, one after another.
  static Doubles reference(const Doubles& images, const Doubles& values) {
    std::size_t at = 0;
    const auto take = [&](std::int64_t n) {
      const auto from = values.begin() + static_cast<std::ptrdiff_t>(at);
      at += static_cast<std::size_t>(n);
      return Doubles(from, from + n);
    };
    const auto affine = [&](std::int64_t channels) {
      NormAffine a;
      a.gamma = take(channels), a.beta = take(channels);
      return a;
    };
    constexpr std::int64_t n = kImages, s = kSide, half = kSide / 2, c = kWidth;
    const Doubles stem_w = take(c * 27);
    const NormAffine stem_a = affine(c);
    const Doubles conv_w = take(2 * c * 9 * c);
    const NormAffine conv_a = affine(2 * c);
    const Doubles skip_w = take(2 * c * c);
    const NormAffine skip_a = affine(2 * c);
    const Doubles head_w = take(kOut * 2 * c), head_b = take(kOut);
    Doubles x = reference_conv({n, s, s, 3, c, 3, 1, 1}, images, stem_w);
    x = reference_norm_act({n * s * s, c, 0.1}, stem_a, x, {});
    x = reference_max_pool({n, s, s, c}, x);
    const NormCase wide{n * half * half, 2 * c, 1};
    const Doubles side = reference_norm_act(
        wide, skip_a, reference_conv({n, half, half, c, 2 * c, 1}, x, skip_w), {});
    x = reference_conv({n, half, half, c, 2 * c, 3, 1, 1}, x, conv_w);
    x = reference_norm_act({wide.rows, wide.channels, 0.1}, conv_a, x, side);
    return reference_linear({n, 2 * c, kOut}, reference_mean_pool({n, half, half, 2 * c}, x),
                            head_w, head_b);
  }
};

TEST_CASE("a small network's gradients are the differences of the same network in double",
          "[tape]") {
  const auto backend = new_device();
  SmallNetwork net;
  ParameterStore& store = net.store;
  store.allocate(*backend, 5);
  const Doubles images = random_values(3 * 6 * 6 * 3, 1), seeds = random_values(3 * 5, 2);
  Doubles values, gradient;
  for (Parameter& p : store.parameters()) {
    if (p.shape.rank() == 1) set_values(store, p, random_values(p.shape.count(), 7, 0.3f, 1.2f));
    const Doubles v = host(p.value);
    values.insert(values.end(), v.begin(), v.end());
  }
  Tape tape(Mode::train);
  const Variable y = net.forward(tape, {plain(*backend, {3, 6, 6, 3}, images)});
  const Doubles want = SmallNetwork::reference(images, values);
  CHECK(worst_over(host(y.value), want, Doubles(want.size(), 1e-5)) < 1);
  tape.backward_from(y, plain(*backend, {3, 5}, seeds));
  for (const Parameter& p : store.parameters()) {
    const Doubles g = host(p.grad);
    gradient.insert(gradient.end(), g.begin(), g.end());
  }
  const auto loss = [&](const Doubles& at) {
    const Doubles out = SmallNetwork::reference(images, at);
    double sum = 0;
    for (std::size_t i = 0; i < out.size(); ++i) sum += seeds[i] * out[i];
    return sum;
  };
  // A prime number of samples, so that they fall on all tensors and channels.
  const DifferenceOptions options{.step = 1e-4, .samples = 307};
  const GradientReport report = check_gradient(loss, values, gradient, options);
  INFO(report.text());
  CHECK(report.relative() < 2e-5);
  CHECK(report.kinks < 30);

  // Planted fault: the skip's gradient lost.
  Doubles wrong = gradient;
  std::size_t at = 0;
  for (const Parameter& p : store.parameters()) {
    if (p.name == "skip.weight")
      for (std::int64_t i = 0; i < p.shape.count(); ++i)
        wrong[at + static_cast<std::size_t>(i)] = 0;
    at += static_cast<std::size_t>(p.shape.count());
  }
  CHECK(check_gradient(loss, values, wrong, options).relative() > 1e-2);
}

}  // namespace
}  // namespace peclr
