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

NormInput norm_input(Machine& m, const Shape& shape) {
  const auto numbers = [&](const Shape& s) {
    return random_tensor(m.backend(), s, DType::f32, .5f, 1);
  };
  const Shape channels{shape.last()};
  return {map(m, shape),
          {numbers(channels), numbers(channels), numbers(channels), numbers(channels)},
          numbers({2, shape.last()})};
}

enum class Residual { none, as_it_is, normalised };

NormInput residual_input(Machine& m, const Shape& shape, Residual residual) {
  if (residual == Residual::none) return {};
  return residual == Residual::normalised ? norm_input(m, shape) : NormInput{.x = map(m, shape)};
}

Case norm_train(Machine& m, const Shape& shape, Residual kind) {
  Backend& backend = m.backend();
  const NormInput in = norm_input(m, shape), residual = residual_input(m, shape, kind);
  const Tensor y = unset(m, shape), signs = residual.x.defined() ? backend.norm_signs(y) : Tensor();
  Case c{[=, &backend] { backend.norm_train({}, in, residual, y, signs); }};
  if (Libraries* libraries = m.libraries(); libraries && kind != Residual::normalised)
    c.library = libraries->norm_forward(in.x, residual.x);
  return c;
}

// With a residual the gradient comes along two ways, as it does behind a block.
Case norm_backward(Machine& m, const Shape& shape, Residual kind) {
  Backend& backend = m.backend();
  NormBackward b{.in = norm_input(m, shape), .residual = residual_input(m, shape, kind)};
  b.dy = map(m, shape);
  b.dx = unset(m, shape);
  for (NormBackward::Weights* of : {&b.of_in, &b.of_residual})
    *of = {unset(m, {shape.last()}, DType::f32), unset(m, {shape.last()}, DType::f32),
           Write::overwrite};
  if (kind != Residual::none) {
    b.more = map(m, shape);
    b.signs = backend.norm_signs(b.dx);
    backend.norm_train({}, b.in, b.residual, b.dx, b.signs);
  }
  Case c{[=, &backend] { backend.norm_backward({}, b); }};
  if (Libraries* libraries = m.libraries(); libraries && kind != Residual::normalised)
    c.library = libraries->norm_backward(b.in.x, b.more);
  return c;
}

Case norm_running(Machine& m, const Sizes& s) {
  Backend& backend = m.backend();
  const NormInput in = norm_input(m, stem(s));
  const Tensor y = unset(m, stem(s));
  return {[=, &backend] { backend.norm_evaluate({}, in, {}, y); }};
}

// A library's jobs, one after the other.
LibraryJob in_turn(const LibraryJob& first, const LibraryJob& second) {
  if (!first.run || !second.run) return first.run ? second : first;
  return {fmt::format("{}; {}", first.what, second.what), [=] {
            first.run();
            second.run();
          }};
}

Case norm_max_pool(Machine& m, const Sizes& s) {
  Backend& backend = m.backend();
  const NormInput in = norm_input(m, stem(s));
  const Shape pooled = after_max_pool(stem(s));
  const Tensor y = unset(m, pooled);
  const PoolWinners won{unset(m, pooled, DType::u8), unset(m, pooled)};
  Case c{[=, &backend] { backend.norm_max_pool_train({}, in, y, won); }};
  if (Libraries* libraries = m.libraries())
    c.library =
        in_turn(libraries->norm_forward(in.x, {}), libraries->pool_forward(Pool::max, in.x));
  return c;
}

// Two ways of the gradient, from the first block's convolution and around it.
Case norm_max_pool_backward(Machine& m, const Sizes& s) {
  Backend& backend = m.backend();
  NormBackward b{.in = norm_input(m, stem(s))};
  const Shape pooled = after_max_pool(stem(s));
  b.dy = map(m, pooled);
  b.more = map(m, pooled);
  b.dx = unset(m, stem(s));
  const Shape channels{pooled.last()};
  b.of_in = {unset(m, channels, DType::f32), unset(m, channels, DType::f32), Write::overwrite};
  const PoolWinners won{unset(m, pooled, DType::u8), unset(m, pooled)};
  backend.norm_max_pool_train({}, b.in, unset(m, pooled), won);
  Case c{[=, &backend] { backend.norm_max_pool_backward({}, won, b); }};
  if (Libraries* libraries = m.libraries())
    c.library =
        in_turn(libraries->pool_backward(Pool::max, b.dx), libraries->norm_backward(b.in.x, {}));
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
      {"norm + ReLU", [](M& m, const S& s) { return norm_train(m, stem(s), Residual::none); },
       norm},
      {"norm + ReLU, backward",
       [](M& m, const S& s) { return norm_backward(m, stem(s), Residual::none); }, norm},
      {"norm + add + ReLU",
       [](M& m, const S& s) { return norm_train(m, block(s), Residual::as_it_is); }, norm},
      {"norm + add + ReLU, backward",
       [](M& m, const S& s) { return norm_backward(m, block(s), Residual::as_it_is); }, norm},
      {"norm + norm + ReLU",
       [](M& m, const S& s) { return norm_train(m, block(s), Residual::normalised); }, norm},
      {"norm + norm + ReLU, backward",
       [](M& m, const S& s) { return norm_backward(m, block(s), Residual::normalised); }, norm},
      {"norm, running statistics", norm_running, norm},
      {"norm + ReLU + max pool", norm_max_pool},
      {"norm + ReLU + max pool, backward", norm_max_pool_backward},
      {"mean_pool", mean_pool},
      {"mean_pool_backward", mean_pool_backward},
  };
}

}  // namespace peclr::bench
