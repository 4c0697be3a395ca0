// SPDX-License-Identifier: Apache-2.0
// NT-Xent and its gradient, as this processor runs them (PECLR_CPU chooses): against the double
// reference with the whole matrix, against finite differences through the inversion of the views,
// at temperatures and rows where a careless sum fails, and against what must not change it.
#include "engine/cpu/hot/ntxent.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "engine/cpu/hot/loops.h"
#include "engine/parallel.h"
#include "kernels/random.h"
#include "tests/support/compare.h"
#include "tests/support/contrastive_reference.h"
#include "tests/support/device.h"
#include "tests/support/gradient_check.h"

namespace peclr::test {
namespace {

using Floats = std::vector<float>;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

struct Result {
  NtxentSummary summary;
  Floats lse, loss, grad;
};

// On the device.
Result run(const NtxentSpec& spec, const Floats& z, float grad_loss = 1) {
  REQUIRE(z.size() == std::size_t(spec.rows * spec.dim));
  const NtxentOptions options{.temperature = spec.temperature};
  const Tensor rows(device(), {2, spec.rows}, DType::f32),
      summary(device(), {kNtxentSummary}, DType::f32);
  const Tensor on_device = Tensor::from_host(device(), {spec.rows, spec.dim}, z);
  const Tensor gradient(device(), {spec.rows, spec.dim}, DType::f32);
  device().ntxent(on_device, options, rows, summary);
  device().ntxent_backward(on_device, options, rows,
                           Tensor::from_host(device(), {1}, Floats{grad_loss}), gradient);
  const Floats of_rows = rows.to_host(), s = summary.to_host();
  return {{s[0], s[1], s[2], s[3], s[4]},
          {of_rows.begin(), of_rows.begin() + spec.rows},
          {of_rows.begin() + spec.rows, of_rows.end()},
          gradient.to_host()};
}

// By the CPU's loops. Scratch starts as NaN: what is read before it is written shows. Its end is
// guarded.
Result run_loops(const NtxentSpec& spec, const Floats& z, float grad_loss = 1) {
  const auto size = std::size_t(loops().ntxent_scratch_floats(spec));
  Result out{{}, Floats(spec.rows), Floats(spec.rows), Floats(z.size())};
  const NtxentRows rows{out.lse.data(), out.loss.data()};
  Floats scratch(size + 16, kNan);
  std::fill(scratch.begin() + size, scratch.end(), 42.f);
  out.summary = loops().ntxent_forward(spec, z.data(), rows, scratch.data());
  std::fill(scratch.begin(), scratch.begin() + size, kNan);
  loops().ntxent_backward(spec, z.data(), rows, grad_loss, scratch.data(), out.grad.data());
  CHECK(std::count(scratch.begin() + size, scratch.end(), 42.f) == 16);
  return out;
}

ReferenceLoss expected(const NtxentSpec& spec, const Floats& z) {
  return reference_ntxent(spec.rows, spec.dim, spec.temperature, {z.begin(), z.end()},
                          standard_partners(spec.rows));
}

double error(const Floats& got, const Doubles& want) {
  REQUIRE(got.size() == want.size());
  return relative_l2(got.data(), want.data(), want.size());
}

bool same_bits(const Floats& a, const Floats& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

}  // namespace

TEST_CASE("exp_f32 is within 2 units in the last place", "[ntxent]") {
  double worst = 0;
  for (double x = -87; x < 88.7; x += 1e-4) {
    const float at = float(x), got = exp_f32(at);
    const double want = std::exp(double(at));
    worst =
        std::max(worst, std::abs(got - want) / (std::nextafter(float(want), 1e38f) - float(want)));
  }
  CHECK(worst < 2);
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  CHECK(exp_f32(0) == 1.f);
  CHECK(exp_f32(-95) == Approx(std::exp(-95.)).margin(2e-45));  // a denormal
  CHECK(exp_f32(kMasked) == 0.f);
  CHECK(exp_f32(kMasked / 100 - kLeast) == 0.f);
  CHECK(exp_f32(-kInfinity) == 0.f);
  CHECK(exp_f32(89) == kInfinity);
  CHECK(exp_f32(kInfinity) == kInfinity);
  CHECK(std::isnan(exp_f32(kNan)));
}

TEST_CASE("loss, gradient and similarities agree with the double reference", "[ntxent]") {
  const std::int64_t pictures = GENERATE(1, 2, 3, 33, 64, 65, 150);
  const std::int64_t dim = GENERATE(2, 64, 128, 130);
  const float temperature = GENERATE(.5f, .1f, 2.f);
  const NtxentSpec spec{2 * pictures, dim, temperature};
  const Floats z = random_rows(spec.rows, dim);
  const Result got = run(spec, z);
  const ReferenceLoss want = expected(spec, z);
  CAPTURE(pictures, dim, temperature);
  CHECK(std::abs(got.summary.loss - want.loss) <= 2e-6 * want.loss);
  CHECK(error(got.loss, want.anchor) < 2e-6);
  CHECK(error(got.grad, want.grad_z) < 5e-6);
  CHECK(got.summary.positive == Approx(want.positive_similarity).margin(1e-6));
  CHECK(got.summary.top1 == static_cast<float>(want.top1));
  if (pictures > 1) CHECK(got.summary.negative == Approx(want.negative_similarity).margin(1e-6));
}

TEST_CASE("a single picture has no negatives: no loss, no gradient", "[ntxent]") {
  const Result got = run({2, 64, .5f}, random_rows(2, 64));
  CHECK(got.summary.loss == 0);
  CHECK(got.summary.negative == 0);
  CHECK(got.grad == Floats(128, 0.f));
}

TEST_CASE("rows need not be unit vectors", "[ntxent]") {
  const NtxentSpec spec{140, 64, .5f};
  Floats z = random_rows(spec.rows, spec.dim);
  for (std::size_t i = 0; i < z.size(); ++i) z[i] *= 1.f + float(i / 64 % 7);
  const Result got = run(spec, z);
  const ReferenceLoss want = expected(spec, z);
  CHECK(got.summary.loss == Approx(want.loss).epsilon(1e-5));
  CHECK(error(got.grad, want.grad_z) < 1e-4);
}

TEST_CASE("cold: exponents of a hundred either way, losses from e^-90 up", "[ntxent]") {
  const float apart = GENERATE(0.f, .2f, 1.f, 30.f);
  const NtxentSpec spec{150, 128, .01f};
  const Floats z = random_rows(spec.rows, spec.dim, apart);
  const Result got = run(spec, z);
  const ReferenceLoss want = expected(spec, z);
  CAPTURE(apart, want.loss);
  CHECK(std::abs(got.summary.loss - want.loss) <= 1e-4 * want.loss);
  CHECK(error(got.grad, want.grad_z) < 1e-4);
}

TEST_CASE("collapsed rows", "[ntxent]") {
  SECTION("nearly equal") {
    const float common = GENERATE(3.f, 30.f, 1000.f);
    const NtxentSpec spec{140, 128, .1f};
    const Floats z = random_rows(spec.rows, spec.dim, 1, common);
    const Result got = run(spec, z);
    const ReferenceLoss want = expected(spec, z);
    CAPTURE(common);
    CHECK(got.summary.loss == Approx(want.loss).epsilon(1e-6));
    // The gradient is a difference of rows that agree up to 1 / common.
    CHECK(error(got.grad, want.grad_z) < 1e-5 + 5e-7 * common);
  }
  SECTION("equal: every guess is as good, and nothing is strictly nearest") {
    const Result got = run({140, 128, .01f}, Floats(140 * 128, std::sqrt(1.f / 128)));
    CHECK(got.summary.loss == Approx(std::log(139.)).epsilon(1e-5));
    CHECK(got.summary.top1 == 0);
    CHECK(got.summary.positive == Approx(1).epsilon(1e-6));
    for (float g : got.grad) CHECK(std::abs(g) < 1e-5f);
  }
}

TEST_CASE("gradient through loss and inversion agrees with finite differences", "[ntxent]") {
  const std::int64_t pictures = 3, dim = 6;
  const NtxentSpec spec{2 * pictures, dim, .5f};
  ReferenceViews in{spec.rows, dim, {}, {true, true, true}};
  Rng rng = Rng::of(13);
  Floats projection(spec.rows * dim);
  for (float& x : projection) x = rng.uniform(-1, 2);
  for (std::int64_t i = 0; i < spec.rows; ++i)
    in.views.push_back({rng.uniform(-45, 45), rng.uniform(-.1f, .1f), rng.uniform(-.1f, .1f),
                        rng.uniform(.8f, 1.4f)});
  const Tensor on_device = Tensor::from_host(device(), {spec.rows, dim}, projection);
  const Tensor views = view_tensor(device(), in.views),
               result(device(), {spec.rows, dim}, DType::f32);
  device().invert_views(on_device, views, in.what, result);
  const Tensor gradient =
      Tensor::from_host(device(), {spec.rows, dim}, run(spec, result.to_host(), 3).grad);
  device().invert_views_backward(on_device, views, in.what, gradient, result);
  const Floats got = result.to_host();

  const Doubles p(projection.begin(), projection.end());
  const auto frames = reference_frames(in, p);
  const auto loss = [&](const Doubles& x) {
    return 3 * reference_ntxent(spec.rows, dim, .5, reference_invert(in, frames, x),
                                standard_partners(spec.rows))
                   .loss;
  };
  Doubles want(p.size());
  for (std::size_t i = 0; i < p.size(); ++i) want[i] = finite_difference(loss, p, i, 1e-3);
  CHECK(error(got, want) < 5e-6);
}

TEST_CASE("the reference's gradient agrees with finite differences", "[ntxent]") {
  const std::int64_t rows = 8, dim = 4;
  const Floats rows_f = random_rows(rows, dim);
  const Doubles z(rows_f.begin(), rows_f.end());
  const auto loss = [&](const Doubles& x) {
    return reference_ntxent(rows, dim, .2, x, standard_partners(rows)).loss;
  };
  const Doubles grad = reference_ntxent(rows, dim, .2, z, standard_partners(rows)).grad_z;
  Doubles want(z.size());
  for (std::size_t i = 0; i < z.size(); ++i) want[i] = finite_difference(loss, z, i, 1e-3);
  CHECK(relative_l2(grad.data(), want.data(), want.size()) < 1e-8);
}

TEST_CASE("the order of pairs and of views does not matter", "[ntxent]") {
  const NtxentSpec spec{2 * 97, 64, .2f};
  const Floats z = random_rows(spec.rows, spec.dim);
  const Result plain = run(spec, z);
  Floats moved(z.size());
  const auto place = [&](std::int64_t i) {  // pairs in another order, the views exchanged
    return (i % 97 * 31 + 5) % 97 + (i < 97 ? 97 : 0);
  };
  for (std::int64_t i = 0; i < spec.rows; ++i)
    std::copy_n(&z[i * spec.dim], spec.dim, &moved[place(i) * spec.dim]);
  const Result other = run(spec, moved);
  CHECK(other.summary.loss == Approx(plain.summary.loss).epsilon(1e-6));
  CHECK(other.summary.top1 == plain.summary.top1);
  Doubles want(z.size());
  for (std::int64_t i = 0; i < spec.rows; ++i)
    std::copy_n(&plain.grad[i * spec.dim], spec.dim, &want[place(i) * spec.dim]);
  CHECK(error(other.grad, want) < 5e-6);
}

TEST_CASE("bits of the loss do not depend on the number of threads", "[ntxent]") {
  const NtxentSpec spec{2 * 333, 130, .1f};
  const Floats z = random_rows(spec.rows, spec.dim);
  set_threads(1);
  const Result one = run(spec, z);
  for (int count : {2, 3}) {
    set_threads(count);
    const Result more = run(spec, z);
    CHECK(more.summary.loss == one.summary.loss);
    CHECK(same_bits(more.lse, one.lse));
    CHECK(same_bits(more.loss, one.loss));
    CHECK(same_bits(more.grad, one.grad));
  }
  set_threads(0);
}

TEST_CASE("the gradient may overwrite z, and scratch holds nothing before and no more than it says",
          "[ntxent]") {
  const NtxentSpec spec{40, 30, .5f};
  Floats z = random_rows(spec.rows, spec.dim);
  Result got = run_loops(spec, z);
  Floats scratch(loops().ntxent_scratch_floats(spec));
  loops().ntxent_backward(spec, z.data(), {got.lse.data(), got.loss.data()}, 1, scratch.data(),
                          z.data());
  CHECK(same_bits(z, got.grad));
}

TEST_CASE("spread of the embedding: 1 on the sphere, 0 on a point", "[ntxent]") {
  const auto spread = [](std::int64_t rows, std::int64_t dim, const Floats& z) {
    return run_loops({rows, dim, .5f}, z).summary.spread;
  };
  CHECK(spread(2000, 128, random_rows(2000, 128, 30)) == Approx(1).margin(.02));
  CHECK(spread(200, 64, Floats(200 * 64, .125f)) == Approx(0).margin(1e-6));
  CHECK(spread(2, 2, {1, 0, -1, 0}) == Approx(std::sqrt(.5)));  // deviations 1 and 0
}

TEST_CASE("planted faults in the loss are seen", "[ntxent]") {
  const NtxentSpec spec{66, 64, .5f};
  const Floats z = random_rows(spec.rows, spec.dim);
  const Result got = run(spec, z);
  const Doubles wide(z.begin(), z.end());
  SECTION("positives taken from neighbouring rows") {
    std::vector<std::int64_t> partner;
    for (std::int64_t i = 0; i < spec.rows; ++i) partner.push_back(i ^ 1);
    const ReferenceLoss wrong = reference_ntxent(spec.rows, spec.dim, .5, wide, partner);
    CHECK(std::abs(got.summary.loss - wrong.loss) > 1e-3 * wrong.loss);
    CHECK(error(got.grad, wrong.grad_z) > 1e-2);
  }
  SECTION("another temperature") {
    const ReferenceLoss wrong =
        reference_ntxent(spec.rows, spec.dim, .501, wide, standard_partners(spec.rows));
    CHECK(std::abs(got.summary.loss - wrong.loss) > 1e-5 * wrong.loss);
    CHECK(error(got.grad, wrong.grad_z) > 1e-4);
  }
  SECTION("NaN in one element reaches the loss and every comparison") {
    Floats broken = z;
    broken[70] = kNan;
    const Result bad = run(spec, broken);
    CHECK(std::isnan(bad.summary.loss));
    CHECK_FALSE(error(bad.grad, expected(spec, z).grad_z) < 1e9);
  }
}

}  // namespace peclr::test
