// SPDX-License-Identifier: Apache-2.0
// The optimiser's kernels, through the backend and directly, against plain double loops written
// from the formulas of Adam and of pl_bolts' LARSWrapper.
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "engine/gpu/records.h"
#include "kernels/optimizer_kernels.h"
#include "tests/kernels/guarded.h"
#include "tests/support/compare.h"
#include "tests/support/device.h"

namespace peclr::test {
namespace {

// Tensors of odd sizes: longer than a chunk by a bit, of one number, of zeros, one that begins off
// a pack; gaps between them hold numbers that must stay.
struct Case {
  OptimizerLayout layout;
  Doubles weight, gradient;

  Case() {
    const struct {
      std::int64_t gap, size;
      float decay;
      double spread;
    } tensors[] = {{0, 20003, 0.01f, 0.1}, {13, 17, 0, 1},         {15, 1, 0, 0.5},
                   {15, 64, 0.01f, 0},     {1, 8193, 1e-6f, 0.02}, {3, 3, 0.1f, 2}};
    std::uint64_t seed = 11;
    for (const auto& t : tensors) {
      weight.resize(weight.size() + static_cast<std::size_t>(t.gap), 77);
      layout.segments.push_back({static_cast<std::int64_t>(weight.size()), t.size, t.decay});
      for (const double v : random_values(t.size, seed++))
        weight.push_back(static_cast<float>(v * t.spread));
    }
    weight.resize(weight.size() + 5, 77);
    gradient.resize(weight.size());
  }

  void draw_gradient(int step) {
    gradient = random_values(static_cast<std::int64_t>(weight.size()), 100 + step, -0.1f, 0.1f);
    if (step == 2)  // a tensor without gradient
      for (std::int64_t i = 0; i < 17; ++i)
        gradient[static_cast<std::size_t>(layout.segments[1].begin + i)] = 0;
  }
};

struct Reference {
  Doubles w, m, v;
  double eta = 0.02;

  explicit Reference(const Case& c) : w(c.weight), m(w.size()), v(w.size()) {}

  // Returns the norm of the scaled gradient.
  double step(const Case& c, OptimizerKind kind, double lr, int step, double scale) {
    double all = 0;
    for (const Segment& s : c.layout.segments) {
      double decay = s.weight_decay, ratio = 1, p_norm = 0, g_norm = 0;
      const auto begin = static_cast<std::size_t>(s.begin),
                 end = begin + static_cast<std::size_t>(s.size);
      for (std::size_t i = begin; i < end; ++i) {
        p_norm += w[i] * w[i];
        g_norm += scale * c.gradient[i] * scale * c.gradient[i];
      }
      all += g_norm;
      p_norm = std::sqrt(p_norm), g_norm = std::sqrt(g_norm);
      if (kind == OptimizerKind::lars) {
        if (p_norm != 0 && g_norm != 0)
          ratio = std::min(eta * p_norm / (g_norm + p_norm * decay + 1e-8) / lr, 1.0);
        else
          decay = 0;
      }
      for (std::size_t i = begin; i < end; ++i) {
        const double g = ratio * (scale * c.gradient[i] + decay * w[i]);
        m[i] = 0.9 * m[i] + 0.1 * g;
        v[i] = 0.999 * v[i] + 0.001 * g * g;
        const double m_hat = m[i] / (1 - std::pow(0.9, step + 1)),
                     v_hat = v[i] / (1 - std::pow(0.999, step + 1));
        w[i] -= lr * m_hat / (std::sqrt(v_hat) + 1e-8);
      }
    }
    return std::sqrt(all);
  }
};

// The arenas of a case on the device, and steps through the backend.
struct Run {
  Tensor weight, gradient, first, second;

  explicit Run(const Case& c) : weight(arena(c.weight)), first(zeros(c)), second(zeros(c)) {}

  static Tensor arena(const Doubles& values) {
    return plain(device(), {static_cast<std::int64_t>(values.size())}, values);
  }
  static Tensor zeros(const Case& c) { return arena(Doubles(c.weight.size())); }

  double step(const Case& c, OptimizerKind kind, double lr, int step, float scale = 1) {
    gradient = arena(c.gradient);
    const OptimizerStep update{c.layout, kind,     lr,    step,   scale,
                               weight,   gradient, first, second, arena({0})};
    device().begin_update(update);
    device().apply_update(update);
    return update.norm.to_host()[0];
  }
};

double disagreement(OptimizerKind kind, double eta) {
  Case c;
  Run run(c);
  Reference reference(c);
  reference.eta = eta;
  for (int t = 0; t < 6; ++t) {
    c.draw_gradient(t);
    const double lr = 0.001 * t;  // a warm-up that starts at zero
    const double want = reference.step(c, kind, lr, t, 0.5);
    const double norm = run.step(c, kind, lr, t, 0.5f);
    CHECK(norm == Approx(want).epsilon(1e-6));
  }
  const Doubles got = host(run.weight);
  for (std::size_t i = 0; i < got.size(); ++i)
    if (c.weight[i] == 77) CHECK(got[i] == 77);
  return relative_l2(got.data(), reference.w.data(), got.size());
}

TEST_CASE("optimiser kernels follow the reference", "[kernels][optimizer]") {
  CHECK(disagreement(OptimizerKind::adam, 0.02) < 1e-6);
  CHECK(disagreement(OptimizerKind::lars, 0.02) < 1e-6);
  CHECK(disagreement(OptimizerKind::lars, 0.002) > 1e-4);  // planted fault: another trust
}

TEST_CASE(
    "optimiser kernels: a gradient that is not finite changes nothing, and the next one counts",
    "[kernels][optimizer]") {
  Case c;
  for (const double bad : {std::nan(""), std::numeric_limits<double>::infinity()}) {
    Run run(c);
    c.draw_gradient(0);
    run.step(c, OptimizerKind::lars, 0.01, 0);
    const Doubles weight = host(run.weight), first = host(run.first), second = host(run.second);
    c.draw_gradient(1);
    c.gradient[static_cast<std::size_t>(c.layout.segments[4].begin)] = bad;
    CHECK(!std::isfinite(run.step(c, OptimizerKind::lars, 0.01, 1)));
    CHECK(host(run.weight) == weight);
    CHECK(host(run.first) == first);
    CHECK(host(run.second) == second);
    c.draw_gradient(1);
    CHECK(std::isfinite(run.step(c, OptimizerKind::lars, 0.01, 1)));
    CHECK(host(run.weight) != weight);
  }
}

TEST_CASE("optimiser kernels: large gradients have a norm, though not their squares in f32",
          "[kernels][optimizer]") {
  Case c;
  c.draw_gradient(0);
  for (double& g : c.gradient) g *= 1e25;
  Run run(c);
  Reference reference(c);
  const double want = reference.step(c, OptimizerKind::lars, 1e-3, 0, 1);
  CHECK(run.step(c, OptimizerKind::lars, 1e-3, 0) == Approx(want).epsilon(1e-6));
}

TEST_CASE("optimiser kernels: another model's layout takes the place of the first",
          "[kernels][optimizer]") {
  Case large, small;
  small.layout.segments.resize(2);
  large.draw_gradient(0);
  small.draw_gradient(0);
  Run a(large), b(small);
  Reference reference_a(large), reference_b(small);
  for (int t = 0; t < 3; ++t) {
    CHECK(a.step(large, OptimizerKind::lars, 0.01, t) ==
          Approx(reference_a.step(large, OptimizerKind::lars, 0.01, t, 1)).epsilon(1e-6));
    CHECK(b.step(small, OptimizerKind::lars, 0.01, t) ==
          Approx(reference_b.step(small, OptimizerKind::lars, 0.01, t, 1)).epsilon(1e-6));
  }
  const Doubles got_a = host(a.weight), got_b = host(b.weight);
  CHECK(relative_l2(got_a.data(), reference_a.w.data(), got_a.size()) < 1e-6);
  CHECK(relative_l2(got_b.data(), reference_b.w.data(), got_b.size()) < 1e-6);
}

TEST_CASE("optimiser kernels give the same bits in every order", "[kernels][optimizer]") {
  Case c;
  c.draw_gradient(0);
  const std::size_t total = c.weight.size();
  const kernels::OptimizerTables tables = kernels::optimizer_tables(c.layout.segments);
  const Guarded<kernels::OptimizerChunk> chunks(device(), tables.chunks);
  const Guarded<kernels::OptimizerSegment> segments(device(), tables.segments);
  const Guarded<kernels::OptimizerControl> control(device(),
                                                   {{adam_step({}, 0.01, 3), 0.25f, 0.01}});
  const Guarded<SegmentNorms> partials(device(), tables.chunks.size());
  const Guarded<GradientRule> rules(device(), tables.segments.size());
  const Guarded<double> squares(device(), tables.segments.size());
  const Guarded<float> norm(device(), 1);
  const Guarded<unsigned> tickets(device(), tables.segments.size() + 1);
  const Guarded<float> gradient(device(), stored<float>(c.gradient));
  const kernels::OptimizerPlan plan{static_cast<int>(tables.chunks.size()),
                                    static_cast<int>(tables.segments.size()),
                                    chunks.data(),
                                    segments.data(),
                                    control.data(),
                                    partials.data(),
                                    rules.data(),
                                    squares.data(),
                                    norm.data(),
                                    tickets.data()};
  for (const int offset : {0, 1})  // packs, and none
    in_every_order([&] {
      const Guarded<float> weight(device(), stored<float>(c.weight), offset),
          first(device(), total, offset), second(device(), total, offset);
      const kernels::OptimizerArenas arenas{weight.data(), gradient.data(), first.data(),
                                            second.data()};
      kernels::optimizer_norms(plan, OptimizerKind::lars, arenas, stream());
      kernels::optimizer_update(plan, arenas, stream());
      for (const unsigned ticket : tickets.values()) CHECK(ticket == 0);
      return weight.values();
    });
}

}  // namespace
}  // namespace peclr::test
