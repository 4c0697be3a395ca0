// SPDX-License-Identifier: Apache-2.0
// Adam and LARS over arenas against plain double loops written from the reference's formulas.
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "engine/cpu/hot/optimizer.h"
#include "engine/optimizer.h"
#include "engine/parallel.h"
#include "kernels/random.h"
#include "tests/support/compare.h"
#include "tests/support/device.h"

using namespace peclr;
using namespace peclr::test;

namespace {

enum class Method { adam, lars };

// Tensors of odd sizes, one longer than a chunk, one of zeros, gaps in between.
struct Arenas {
  std::vector<Segment> segments;
  std::vector<float> weight, gradient, first, second;
  std::vector<ArenaChunk> chunks;

  Arenas() {
    const struct {
      std::int64_t size;
      float decay, spread;
    } tensors[] = {
        {70001, 0.01f, 0.1f}, {17, 0, 1}, {1, 0, 0.5f}, {64, 0.01f, 0}, {32768, 1e-6f, 0.02f}};
    std::int64_t begin = 0;
    Rng rng = Rng::of(5, 31);
    for (const auto& t : tensors) {
      segments.push_back({begin, t.size, t.decay});
      begin += (t.size + 15) / 16 * 16;
      weight.resize(begin, 77);
      for (std::int64_t i = 0; i < t.size; ++i)
        weight[segments.back().begin + i] = t.spread * rng.uniform(-1, 1);
    }
    gradient.resize(begin);
    first.resize(begin);
    second.resize(begin);
    chunks.resize(optimizer_chunks(segments.data(), count(), nullptr));
    optimizer_chunks(segments.data(), count(), chunks.data());
  }

  std::int64_t count() const { return static_cast<std::int64_t>(segments.size()); }

  void draw_gradient(int step) {
    Rng rng = Rng::of(6, 31, step);
    for (float& g : gradient) g = 0.1f * static_cast<float>(1 + step) * rng.uniform(-1, 1);
    if (step == 2)  // a tensor without gradient
      for (int i = 0; i < 17; ++i) gradient[segments[1].begin + i] = 0;
  }

  std::vector<SegmentNorms> norms() const {
    std::vector<SegmentNorms> out(segments.size());
    std::vector<double> scratch(2 * chunks.size());
    segment_norms(weight.data(), gradient.data(), chunks.data(),
                  static_cast<std::int64_t>(chunks.size()), count(), out.data(), scratch.data());
    return out;
  }

  // On the device. Returns the gradient's norm.
  double step(Method method, double lr, int step) {
    const auto tensor = [&](const std::vector<float>& values) {
      return Tensor::from_host(device(), {std::int64_t(values.size())}, values);
    };
    const OptimizerLayout layout{segments};
    const OptimizerStep update{layout,
                               method == Method::lars ? OptimizerKind::lars : OptimizerKind::adam,
                               lr,
                               step,
                               1,
                               tensor(weight),
                               tensor(gradient),
                               tensor(first),
                               tensor(second),
                               tensor({0})};
    device().begin_update(update);
    device().apply_update(update);
    weight = update.weights.to_host();
    first = update.first_moment.to_host();
    second = update.second_moment.to_host();
    return update.norm.to_host()[0];
  }
};

// pl_bolts' update_p and torch.optim.Adam, tensor by tensor.
struct Reference {
  std::vector<double> w, m, v;
  bool decoupled = false;  // the planted fault: AdamW instead of Adam

  explicit Reference(const Arenas& a)
      : w(a.weight.begin(), a.weight.end()), m(w.size()), v(w.size()) {}

  void step(const Arenas& a, Method method, double lr, int step) {
    for (const Segment& s : a.segments) {
      double decay = s.weight_decay, ratio = 1, p_norm = 0, g_norm = 0;
      for (std::int64_t i = s.begin; i < s.begin + s.size; ++i) {
        p_norm += w[i] * w[i];
        g_norm += double(a.gradient[i]) * a.gradient[i];
      }
      p_norm = std::sqrt(p_norm), g_norm = std::sqrt(g_norm);
      if (method == Method::lars) {
        if (p_norm != 0 && g_norm != 0)
          ratio = std::min(0.02 * p_norm / (g_norm + p_norm * decay + 1e-8) / lr, 1.0);
        else
          decay = 0;
      }
      for (std::int64_t i = s.begin; i < s.begin + s.size; ++i) {
        const double g = ratio * (a.gradient[i] + (decoupled ? 0 : decay * w[i]));
        if (decoupled) w[i] -= lr * decay * w[i];
        m[i] = 0.9 * m[i] + 0.1 * g;
        v[i] = 0.999 * v[i] + 0.001 * g * g;
        const double m_hat = m[i] / (1 - std::pow(0.9, step + 1)),
                     v_hat = v[i] / (1 - std::pow(0.999, step + 1));
        w[i] -= lr * m_hat / (std::sqrt(v_hat) + 1e-8);
      }
    }
  }
};

// Relative L2 after eight steps of a warm-up that starts at zero.
double disagreement(Method method, bool planted_fault) {
  Arenas arenas;
  Reference reference(arenas);
  reference.decoupled = planted_fault;
  for (int t = 0; t < 8; ++t) {
    arenas.draw_gradient(t);
    const double lr = 0.001 * t;
    reference.step(arenas, method, lr, t);
    arenas.step(method, lr, t);
  }
  return relative_l2(arenas.weight.data(), reference.w.data(), reference.w.size());
}

}  // namespace

TEST_CASE("chunks cover every tensor once and never cross a border", "[optimizer]") {
  const Arenas arenas;
  std::vector<int> touched(arenas.weight.size());
  for (const ArenaChunk& c : arenas.chunks) {
    const Segment& s = arenas.segments[c.segment];
    REQUIRE(c.size > 0);
    REQUIRE(c.begin >= s.begin);
    REQUIRE(c.begin + c.size <= s.begin + s.size);
    for (std::int64_t i = 0; i < c.size; ++i) ++touched[c.begin + i];
  }
  std::vector<int> expected(touched.size());
  for (const Segment& s : arenas.segments)
    for (std::int64_t i = 0; i < s.size; ++i) expected[s.begin + i] = 1;
  REQUIRE(touched == expected);
}

TEST_CASE("segment norms are those of the tensors, in double", "[optimizer]") {
  Arenas arenas;
  arenas.draw_gradient(0);
  const auto norms = arenas.norms();
  for (std::size_t s = 0; s < norms.size(); ++s) {
    long double w = 0, g = 0;
    for (std::int64_t i = 0; i < arenas.segments[s].size; ++i) {
      const std::int64_t at = arenas.segments[s].begin + i;
      w += static_cast<long double>(arenas.weight[at]) * arenas.weight[at];
      g += static_cast<long double>(arenas.gradient[at]) * arenas.gradient[at];
    }
    REQUIRE(norms[s].weight == Approx(std::sqrt(double(w))).epsilon(1e-12));
    REQUIRE(norms[s].gradient == Approx(std::sqrt(double(g))).epsilon(1e-12));
  }
  REQUIRE(norms[3].weight == 0);
}

TEST_CASE("Adam, alone and inside LARS, follows the reference", "[optimizer]") {
  REQUIRE(disagreement(Method::adam, false) < 1e-6);
  REQUIRE(disagreement(Method::lars, false) < 1e-6);
}

TEST_CASE("decay in the wrong place is seen", "[optimizer]") {
  REQUIRE(disagreement(Method::adam, true) > 1e-5);
}

TEST_CASE("LARS rescales, clips, and leaves zeros to Adam", "[optimizer]") {
  const Segment segment{0, 8, 0.1f};
  // 0.02 * 3 / (5 + 0.3) / 0.5
  const GradientRule scaled = lars_rule({}, segment, {3, 5}, 0.5);
  REQUIRE(scaled.ratio == Approx(0.02 * 3 / 5.3 / 0.5).epsilon(1e-6));
  REQUIRE(scaled.decay == 0.1f);
  REQUIRE(lars_rule({}, segment, {3, 5}, 1e-4).ratio == 1);  // clipped
  REQUIRE(lars_rule({}, segment, {3, 5}, 0).ratio == 1);     // first step of a warm-up
  for (const SegmentNorms norms : {SegmentNorms{0, 5}, SegmentNorms{3, 0}}) {
    REQUIRE(lars_rule({}, segment, norms, 0.5).ratio == 1);
    REQUIRE(lars_rule({}, segment, norms, 0.5).decay == 0);
  }
}

TEST_CASE("Adam's first step is the learning rate against the gradient's sign", "[optimizer]") {
  for (const float g : {-3.0f, 1e-3f, 200.0f}) {
    float w = 1, m = 0, v = 0;
    adam_update(adam_step({}, 0.01, 0), {}, g, w, m, v);
    REQUIRE(w == Approx(1 - 0.01 * (g > 0 ? 1 : -1)).epsilon(1e-5));
  }
}

TEST_CASE("the epsilons stand where the reference has them", "[optimizer]") {
  // torch.optim.Adam adds 1e-8 to the root of the corrected second moment: of a gradient as small
  // as that, the first step is half of the learning rate.
  float w = 0, m = 0, v = 0;
  adam_update(adam_step({}, 0.5, 0), {}, 1e-8f, w, m, v);
  REQUIRE(w == Approx(-0.25).epsilon(1e-4));
  // pl_bolts adds it to the norms: 0.02 * 1e-8 / (1e-8 + 1e-8 * 0.1 + 1e-8) / 0.5.
  REQUIRE(lars_rule({}, {0, 8, 0.1f}, {1e-8, 1e-8}, 0.5).ratio ==
          Approx(0.02 / 2.1 / 0.5).epsilon(1e-6));
}

TEST_CASE("the update touches nothing between tensors, and nothing at all after a NaN",
          "[optimizer]") {
  Arenas arenas;
  arenas.draw_gradient(0);
  const std::vector<float> before = arenas.weight;
  REQUIRE(std::isfinite(arenas.step(Method::lars, 0.01, 0)));
  REQUIRE(arenas.weight[0] != before[0]);
  REQUIRE(arenas.weight[70001] == 77);
  REQUIRE(arenas.first[70001] == 0);

  arenas.gradient[arenas.segments[1].begin] = std::numeric_limits<float>::quiet_NaN();
  REQUIRE(std::isnan(arenas.norms()[1].gradient));
  const Arenas unchanged = arenas;
  REQUIRE(std::isnan(arenas.step(Method::lars, 0.01, 1)));
  REQUIRE(arenas.weight == unchanged.weight);
  REQUIRE(arenas.first == unchanged.first);
  REQUIRE(arenas.second == unchanged.second);
}

TEST_CASE("a new optimiser's moments and norm are zeros, whatever its memory held",
          "[optimizer][ops]") {
  ParameterStore store;
  store.add("weight", {1}, Init::one).frozen = true;
  store.allocate(device(), 0);
  {
    std::vector<Tensor> used;  // of the size of the optimiser's own, which it then gets
    for (int i = 0; i < 8; ++i) used.push_back(Tensor::from_host(device(), {1}, {{7.f}}));
  }
  const Optimizer optimizer(store, {});
  CHECK(optimizer.norm().to_host()[0] == 0);
  CHECK(optimizer.first_moment().to_host()[0] == 0);
  CHECK(optimizer.second_moment().to_host()[0] == 0);
}

TEST_CASE("the optimiser does not depend on threads", "[optimizer]") {
  std::vector<float> results[2];
  for (const int count : {1, 3}) {
    set_threads(count);
    Arenas arenas;
    for (int t = 0; t < 4; ++t) {
      arenas.draw_gradient(t);
      arenas.step(Method::lars, 0.01, t);
    }
    results[count == 3] = arenas.weight;
  }
  set_threads(0);
  REQUIRE(std::memcmp(results[0].data(), results[1].data(), results[0].size() * sizeof(float)) ==
          0);
}
