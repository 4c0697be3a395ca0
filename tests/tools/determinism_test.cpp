// SPDX-License-Identifier: Apache-2.0
// The same settings give the same bits, run after run; and our own loops give them for any number
// of threads.
#include <catch2/catch.hpp>
#include <cstring>

#include "tests/support/training.h"

namespace peclr {
namespace {

using namespace test;

using Bits = std::vector<std::uint32_t>;

Bits bits_of(const std::vector<float>& values) {
  Bits bits(values.size());
  std::memcpy(bits.data(), values.data(), values.size() * sizeof(float));
  return bits;
}

// All that two steps change: weights, running statistics, moments, the loss. (Compared in brackets:
// Catch would print millions of numbers.)
template <class Training>
std::vector<Bits> two_steps(const TrainingOptions& options) {
  const auto backend = new_device();
  Training training(*backend, options);
  std::vector<float> losses;
  for (std::int64_t i = 0; i < 2; ++i) losses.push_back(training.step(i));
  for (const float loss : losses) CHECK(std::isfinite(loss));
  std::vector<Bits> state{bits_of(losses), bits_of(training.store.values().to_host()),
                          bits_of(training.optimizer->first_moment().to_host()),
                          bits_of(training.optimizer->second_moment().to_host())};
  for (const StateBuffer& b : training.store.buffers()) state.push_back(bits_of(b.value.to_host()));
  return state;
}

TEST_CASE("two runs of pre-training give the same bits", "[determinism]") {
  const Threads guard(2);
  const TrainingOptions options{.accumulate = 2, .optimizer = OptimizerKind::lars};
  const std::vector<Bits> first = two_steps<ContrastiveTraining>(options);
  CHECK((first == two_steps<ContrastiveTraining>(options)));
  // Pictures and weights of another seed do make a difference.
  TrainingOptions other = options;
  other.seed = 2;
  const std::vector<Bits> second = two_steps<ContrastiveTraining>(other);
  CHECK((first[0] != second[0]));
  CHECK((first[1] != second[1]));
}

TEST_CASE("two runs of fine-tuning in bf16 give the same bits", "[determinism]") {
  if (!has_bf16(*new_device())) {
    WARN("this processor has no bf16 arithmetic");
    return;
  }
  const Threads guard(1);
  const TrainingOptions options{.compute = DType::bf16};
  CHECK((two_steps<HandTraining>(options) == two_steps<HandTraining>(options)));
}

// What norm_act (its residual with a norm of its own or without), the pools and additions make of
// some activations: values, statistics and gradients.
std::vector<Bits> passes(const Shape& shape, DType type, bool beside) {
  const auto backend = new_device();
  ParameterStore store;
  const ops::NormLayer layer = add_norm(store, "bn", shape.last()),
                       before_pool = add_norm(store, "bn2", shape.last()),
                       of_residual = add_norm(store, "bn3", shape.last());
  store.allocate(*backend, 1);
  const auto noise = [&](const Shape& s, std::uint64_t seed) {
    return activation(*backend, s, random_values(s.count(), seed), type);
  };
  Tape tape(Mode::train);
  const Variable x = tape.input(noise(shape, 1)), residual = tape.input(noise(shape, 2));
  const ops::Residual added{residual, beside ? of_residual : ops::NormLayer{}};
  const Variable y = ops::norm_act(tape, x, layer, {}, &added);
  const Variable pooled = ops::norm_max_pool(tape, y, before_pool, {}),
                 mean = ops::mean_pool(tape, pooled);
  const Tensor again = noise(shape, 3);
  backward_from(tape, *backend,
                {{mean, plain(*backend, mean.value.shape(), random_values(mean.value.count(), 4))},
                 {y, again},
                 {y, noise(shape, 5)}});
  std::vector<Bits> all;
  for (const Tensor& t :
       {y.value, pooled.value, mean.value, tape.gradient(x), tape.gradient(residual),
        layer.gamma->grad, layer.beta->grad, layer.running_mean->value,
        layer.running_variance->value, before_pool.gamma->grad, before_pool.beta->grad,
        of_residual.gamma->grad, of_residual.running_mean->value})
    all.push_back(bits_of(t.to_host()));
  return all;
}

// Two steps of an optimiser over tensors that span many chunks, with scaled gradients.
std::vector<Bits> updates(OptimizerKind kind) {
  const auto backend = new_device();
  ParameterStore store;
  for (const Shape& shape : {Shape{300, 1000}, Shape{17}, Shape{64, 3, 3, 64}})
    store.add("w" + shape.text(), shape, Init::uniform_fan_in, 10);
  store.allocate(*backend, 1);
  Optimizer optimizer(store, {.kind = kind, .weight_decay = 0.01f});
  std::vector<double> norms;
  for (std::int64_t step = 0; step < 2; ++step) {
    store.grads().copy_from_host(floats(random_values(store.total(), 7)));
    norms.push_back(optimizer.update(1e-3, step, 3));
  }
  Bits norm_bits(4);
  std::memcpy(norm_bits.data(), norms.data(), 16);
  return {bits_of(store.values().to_host()), bits_of(optimizer.first_moment().to_host()),
          bits_of(optimizer.second_moment().to_host()), norm_bits};
}

TEST_CASE("our loops give the same bits for any number of threads", "[determinism]") {
  std::vector<DType> types{DType::f32};
  if (has_bf16(*new_device()))
    types.push_back(DType::bf16);
  else
    WARN("this processor has no bf16 arithmetic");
  const auto all = [&](int count) {
    const Threads guard(count);
    std::vector<std::vector<Bits>> results{updates(OptimizerKind::adam),
                                           updates(OptimizerKind::lars)};
    for (const DType type : types)
      for (const bool beside : {false, true})
        // of one block, of channels that are no block, and of four, some of them by turns
        for (const Shape& shape : {Shape{5, 66, 65, 16}, Shape{9, 40, 40, 12}, {9, 20, 20, 64}})
          results.push_back(passes(shape, type, beside));
    return results;
  };
  const auto one = all(1);
  CHECK((one == all(2)));
  CHECK((one == all(3)));
  auto damaged = one;  // a single bit is seen
  damaged[2][4][77] ^= 1;
  CHECK((one != damaged));
}

}  // namespace
}  // namespace peclr
