// SPDX-License-Identifier: Apache-2.0
// Time of the contrastive loss by rows: loss and gradient, and the inversion of the views before
// them.
#include <benchmark/benchmark.h>

#include <vector>

#include "engine/cpu/hot/loops.h"
#include "kernels/random.h"

namespace peclr {
namespace {

struct Batch {
  NtxentSpec spec;
  std::vector<float> projection, z, gradient, lse, loss, scratch;
  std::vector<ViewTransform> views;

  explicit Batch(const benchmark::State& state) : spec{state.range(0), state.range(1), 0.5f} {
    const auto rows = static_cast<std::size_t>(spec.rows), size = rows * spec.dim;
    Rng rng = Rng::of(1);
    projection.resize(size);
    for (float& x : projection) x = rng.uniform(-1, 1);
    views.resize(rows);
    for (ViewTransform& view : views)
      view = {rng.uniform(-45, 45), rng.uniform(-.1f, 0), rng.uniform(-.1f, 0), 1};
    z.resize(size);
    gradient.resize(size);
    lse.resize(rows);
    loss.resize(rows);
    scratch.resize(loops().ntxent_scratch_floats(spec));
    invert();
  }

  NtxentRows rows() { return {lse.data(), loss.data()}; }
  void invert() {
    loops().invert_views(projection.data(), views.data(), {}, spec.rows, spec.dim, z.data());
  }
  void forward() {
    benchmark::DoNotOptimize(loops().ntxent_forward(spec, z.data(), rows(), scratch.data()));
  }
  void backward() {
    loops().ntxent_backward(spec, z.data(), rows(), 1, scratch.data(), gradient.data());
  }
};

// The least a pass needs when symmetry is used: half of Z Z^T, and for the gradient all of W Z
// besides.
void count_flops(benchmark::State& state, double products) {
  const double rows = double(state.range(0)), dim = double(state.range(1));
  state.counters["flop/s"] = benchmark::Counter(2 * products * rows * rows * dim,
                                                benchmark::Counter::kIsIterationInvariantRate);
}

void ntxent_loss(benchmark::State& state) {
  Batch batch(state);
  for (auto _ : state) batch.forward();
  count_flops(state, 1);
}

void ntxent_loss_and_gradient(benchmark::State& state) {
  Batch batch(state);
  for (auto _ : state) {
    batch.forward();
    batch.backward();
  }
  count_flops(state, 3);
}

void invert_views_and_gradient(benchmark::State& state) {
  Batch batch(state);
  for (auto _ : state) {
    batch.invert();
    loops().invert_views_backward(batch.projection.data(), batch.views.data(), {}, batch.z.data(),
                                  batch.spec.rows, batch.spec.dim, batch.gradient.data());
  }
}

void shapes(benchmark::internal::Benchmark* b) {
  b->Args({256, 128})->Args({1024, 128})->Args({4096, 128})->Args({16384, 128});
  b->ArgNames({"rows", "dim"})->Unit(benchmark::kMillisecond)->UseRealTime();
}

BENCHMARK(ntxent_loss)->Apply(shapes);
BENCHMARK(ntxent_loss_and_gradient)->Apply(shapes);
BENCHMARK(invert_views_and_gradient)->Apply(shapes);

}  // namespace
}  // namespace peclr

BENCHMARK_MAIN();
