// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/gpu/cases.h"
#include "benchmarks/gpu/random_tensor.h"

namespace peclr::bench {
namespace {

using Pool = Libraries::Pool;

constexpr double kNormShare = .8;

Shape stem(const Sizes& s) { return {s.images, s.stem_side, s.stem_side, s.stem_channels}; }
Shape block(const Sizes& s) { return {s.images, s.block_side, s.block_side, s.block_channels}; }
Shape last(const Sizes& s) { return {s.images, s.last_side, s.last_side, s.last_channels}; }
Shape after_max_pool(const Shape& x) { return {x[0], (x[1] + 1) / 2, (x[2] + 1) / 2, x[3]}; }

Tensor map(Machine& m, const Shape& shape) {
  return random_tensor(m.backend(), shape, DType::bf16);
}
Tensor unset(Machine& m, const Shape& shape, DType type = DType::bf16) {
  return Tensor(m.backend(), shape, type);
}

struct Norm {
  NormSpec spec;
  NormWeights weights;
  NormSaved saved;

  Norm(Machine& m, std::int64_t channels)
      : saved{random_tensor(m.backend(), {2, channels}, DType::f32, .5f, 1), {}} {
    const auto numbers = [&] { return random_tensor(m.backend(), {channels}, DType::f32, .5f, 1); };
    weights = {numbers(), numbers(), numbers(), numbers()};
  }
};

enum class Residual { no, yes };

Case norm_train(Machine& m, const Shape& shape, Residual add) {
  Backend& backend = m.backend();
  Norm norm(m, shape.last());
  const Tensor x = map(m, shape), residual = add == Residual::yes ? map(m, shape) : Tensor(),
               y = unset(m, shape);
  if (residual.defined()) norm.saved.signs = backend.norm_signs(y);
  Case c{
      [=, &backend] { backend.norm_train(norm.spec, norm.weights, x, residual, y, norm.saved); }};
  if (Libraries* libraries = m.libraries()) c.library = libraries->norm_forward(x, residual);
  return c;
}

// With a residual the gradient comes along two ways, as it does behind a block.
Case norm_backward(Machine& m, const Shape& shape, Residual add) {
  Backend& backend = m.backend();
  const bool residual = add == Residual::yes;
  Norm norm(m, shape.last());
  const Tensor x = map(m, shape), dy = map(m, shape), more = residual ? map(m, shape) : Tensor(),
               dx = unset(m, shape), dgamma = unset(m, {shape.last()}, DType::f32),
               dbeta = unset(m, {shape.last()}, DType::f32);
  if (residual) {
    norm.saved.signs = backend.norm_signs(x);
    backend.norm_train(norm.spec, norm.weights, x, more, dx, norm.saved);
  }
  Case c{[=, &backend] {
    backend.norm_backward(norm.spec, norm.weights, x, norm.saved, dy, more,
                          {dx, dgamma, dbeta, Write::overwrite});
  }};
  if (Libraries* libraries = m.libraries()) c.library = libraries->norm_backward(x, more);
  return c;
}

Case norm_running(Machine& m, const Sizes& s) {
  Backend& backend = m.backend();
  const Norm norm(m, s.stem_channels);
  const Tensor x = map(m, stem(s)), y = unset(m, stem(s));
  return {[=, &backend] { backend.norm_evaluate(norm.spec, norm.weights, x, {}, y); }};
}

Case max_pool(Machine& m, const Sizes& s) {
  Backend& backend = m.backend();
  const Tensor x = map(m, stem(s)), y = unset(m, after_max_pool(stem(s))),
               where = unset(m, y.shape(), DType::u8);
  Case c{[=, &backend] { backend.max_pool(x, y, where); }};
  if (Libraries* libraries = m.libraries()) c.library = libraries->pool_forward(Pool::max, x);
  return c;
}

Case max_pool_backward(Machine& m, const Sizes& s) {
  Backend& backend = m.backend();
  const Tensor x = map(m, stem(s)), dy = map(m, after_max_pool(stem(s))),
               where = unset(m, dy.shape(), DType::u8);
  backend.max_pool(x, dy, where);  // dy has values of the right kind, and where its places
  Case c{[=, &backend] { backend.max_pool_backward(dy, where, x); }};
  if (Libraries* libraries = m.libraries()) c.library = libraries->pool_backward(Pool::max, x);
  return c;
}

Case mean_pool(Machine& m, const Sizes& s) {
  Backend& backend = m.backend();
  const Tensor x = map(m, last(s)), y = unset(m, {s.images, s.last_channels}, DType::f32);
  Case c{[=, &backend] { backend.mean_pool(x, y); }};
  if (Libraries* libraries = m.libraries()) c.library = libraries->pool_forward(Pool::mean, x);
  return c;
}

Case mean_pool_backward(Machine& m, const Sizes& s) {
  Backend& backend = m.backend();
  const Tensor dy = random_tensor(backend, {s.images, s.last_channels}), dx = map(m, last(s));
  Case c{[=, &backend] { backend.mean_pool_backward(dy, dx); }};
  if (Libraries* libraries = m.libraries()) c.library = libraries->pool_backward(Pool::mean, dx);
  return c;
}

}  // namespace

std::vector<CaseEntry> network_cases() {
  using M = Machine;
  using S = Sizes;
  const Mark norm{.copy_share = kNormShare};
  return {
      {"norm + ReLU", [](M& m, const S& s) { return norm_train(m, stem(s), Residual::no); }, norm},
      {"norm + ReLU, backward",
       [](M& m, const S& s) { return norm_backward(m, stem(s), Residual::no); }, norm},
      {"norm + add + ReLU", [](M& m, const S& s) { return norm_train(m, block(s), Residual::yes); },
       norm},
      {"norm + add + ReLU, backward",
       [](M& m, const S& s) { return norm_backward(m, block(s), Residual::yes); }, norm},
      {"norm, running statistics", norm_running, norm},
      {"max_pool", max_pool},
      {"max_pool_backward", max_pool_backward},
      {"mean_pool", mean_pool},
      {"mean_pool_backward", mean_pool_backward},
  };
}

}  // namespace peclr::bench
