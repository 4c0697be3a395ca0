// SPDX-License-Identifier: Apache-2.0
// The kernels of NT-Xent against the double reference with the whole matrix: sizes that fill no
// tile, rows cut into parts and not, cold temperatures, collapsed rows, both types of operands.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "kernels/ntxent_kernels.h"
#include "tests/kernels/guarded.h"
#include "tests/support/compare.h"
#include "tests/support/contrastive_reference.h"
#include "tests/support/device.h"

namespace peclr::test {
namespace {

using Floats = std::vector<float>;
using kernels::NtxentOperands;
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

struct Case {
  std::int64_t pictures, dim;
  float temperature;
  int blocks = 256;

  kernels::NtxentProblem problem(NtxentOperands operands) const {
    return {{2 * pictures, dim, temperature}, operands, blocks};
  }
};

struct Result {
  NtxentSummary summary;
  Floats loss, dz;

  Floats all() const {
    Floats values{summary.loss, summary.positive, summary.negative, summary.top1, summary.spread};
    for (const Floats* part : {&loss, &dz}) values.insert(values.end(), part->begin(), part->end());
    return values;
  }
};

// A summary's place in memory of the device.
NtxentSummary* place(const Guarded<float>& summary) {
  return reinterpret_cast<NtxentSummary*>(summary.data());
}

// Scratch starts as NaN: what is read before it is written shows.
Guarded<float> scratch(std::size_t bytes) { return {device(), Floats((bytes + 3) / 4, kNan)}; }

Result run(const kernels::NtxentProblem& problem, const Floats& z, float dloss = 1) {
  const auto rows = static_cast<std::size_t>(problem.spec.rows);
  REQUIRE(z.size() == rows * static_cast<std::size_t>(problem.spec.dim));
  const Guarded<float> in(device(), z), lse(device(), rows), loss(device(), rows),
      summary(device(), std::size_t{kNtxentSummary}), upstream(device(), Floats{dloss}),
      dz(device(), Floats(z.size(), kNan)),
      forward = scratch(kernels::ntxent_workspace(problem)),
      backward = scratch(kernels::ntxent_backward_workspace(problem));
  const kernels::NtxentAnchors anchors{lse.data(), loss.data()};
  kernels::ntxent(problem, in.data(), anchors, place(summary), forward.data(), stream());
  kernels::ntxent_backward(problem, in.data(), anchors, upstream.data(), backward.data(), dz.data(),
                           stream());
  CHECK(std::equal(z.begin(), z.end(), in.values().begin(),
                   [](float a, float b) { return a == b || (std::isnan(a) && std::isnan(b)); }));
  lse.values(), forward.values(), backward.values();  // nothing around them was written
  const Floats s = summary.values();
  return {{s[0], s[1], s[2], s[3], s[4]}, loss.values(), dz.values()};
}

Floats rounded(const Floats& z) {
  const Doubles values = doubles(stored<bf16>(Doubles(z.begin(), z.end())));
  return {values.begin(), values.end()};
}

ReferenceLoss expected(const NtxentSpec& spec, const Floats& z) {
  return reference_ntxent(spec.rows, spec.dim, spec.temperature, {z.begin(), z.end()},
                          standard_partners(spec.rows));
}

double error(const Floats& got, const Doubles& want) {
  REQUIRE(got.size() == want.size());
  return relative_l2(got.data(), want.data(), want.size());
}

double spread(const NtxentSpec& spec, const Floats& z) {
  double total = 0;
  for (std::int64_t d = 0; d < spec.dim; ++d) {
    double mean = 0, variance = 0;
    for (std::int64_t i = 0; i < spec.rows; ++i) mean += z[i * spec.dim + d] / double(spec.rows);
    for (std::int64_t i = 0; i < spec.rows; ++i)
      variance += std::pow(z[i * spec.dim + d] - mean, 2) / double(spec.rows);
    total += std::sqrt(variance);
  }
  return total / std::sqrt(double(spec.dim));
}

// All but the gradient, to f32 accuracy, and what of it is a difference of large exponents less.
void check_loss(const NtxentSpec& spec, const Floats& z, const Result& got,
                const ReferenceLoss& want, NtxentOperands operands) {
  // Cold, an error of a similarity is a hundred times one of its exponential; on tensor cores,
  // which cut sums off, squares all err to one side.
  const bool cuts = operands == NtxentOperands::bf16 && std::string_view(device_name()) == "cuda";
  const double accuracy = spec.temperature >= .05f ? 2e-6 : cuts ? 6e-5 : 2e-5;
  CHECK(std::abs(got.summary.loss - want.loss) <= accuracy * want.loss);
  CHECK(error(got.loss, want.anchor) < accuracy);
  CHECK(got.summary.positive == Approx(want.positive_similarity).margin(1e-6));
  CHECK(got.summary.negative == Approx(spec.rows > 2 ? want.negative_similarity : 0).margin(1e-6));
  CHECK(got.summary.top1 == Approx(want.top1).margin(1e-7));
  CHECK(got.summary.spread == Approx(spread(spec, z)).epsilon(1e-6).margin(1e-7));
}

// The gradient where the weights of the negatives are rounded to bf16 before they are summed.
Doubles gradient_with_rounded_weights(const NtxentSpec& spec, const Floats& z) {
  const auto rows = static_cast<std::size_t>(spec.rows), dim = static_cast<std::size_t>(spec.dim);
  const auto similarity = [&](std::size_t i, std::size_t j) {
    double dot = 0;
    for (std::size_t d = 0; d < dim; ++d) dot += double(z[i * dim + d]) * z[j * dim + d];
    return dot / spec.temperature;
  };
  Doubles s(rows * rows), lse(rows);
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < rows; ++j) s[i * rows + j] = similarity(i, j);
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t j = 0; j < rows; ++j) lse[i] += i == j ? 0 : std::exp(s[i * rows + j]);
    lse[i] = std::log(lse[i]);
  }
  Doubles dz(z.size());
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < rows; ++j) {
      if (i == j) continue;
      const double mine = std::exp(s[i * rows + j] - lse[i]),
                   other = std::exp(s[i * rows + j] - lse[j]);
      const bool positive = j == (i + rows / 2) % rows;
      const double weight =
          positive ? mine + other - 2 : doubles(stored<bf16>({mine + other})).front();
      for (std::size_t d = 0; d < dim; ++d)
        dz[i * dim + d] += weight * z[j * dim + d] / (double(rows) * spec.temperature);
    }
  return dz;
}

const std::vector<Case>& cases() {
  static const std::vector<Case> all{{1, 128, .5f},
                                     {2, 2, .5f},
                                     {2, 128, .1f},
                                     {33, 128, .5f},
                                     {33, 128, 2.f},  // hot, with lanes that see nothing but
                                     {33, 256, 2.f},  // masked columns
                                     {2, 128, 100.f},
                                     {33, 130, .1f},
                                     {32, 30, .1f},
                                     {64, 256, .5f},
                                     {65, 64, .2f},
                                     {300, 128, .1f},
                                     {260, 130, .5f},
                                     {300, 128, .5f, 1},  // in parts, and not: the gradient then
                                                          // needs no scratch
                                     {150, 127, .1f, 1},
                                     {150, 250, .1f, 6}};
  return all;
}

TEST_CASE("NT-Xent kernels in f32 follow the formulas", "[kernels][ntxent]") {
  for (const Case& c : cases()) {
    CAPTURE(c.pictures, c.dim, c.temperature, c.blocks);
    const kernels::NtxentProblem problem = c.problem(NtxentOperands::f32);
    const Floats z = random_rows(problem.spec.rows, c.dim);
    const Result got = run(problem, z, 3);
    ReferenceLoss want = expected(problem.spec, z);
    check_loss(problem.spec, z, got, want, NtxentOperands::f32);
    for (double& g : want.grad_z) g *= 3;
    CHECK(error(got.dz, want.grad_z) < 5e-6);
  }
}

// The loss is that of the rounded rows to f32 accuracy. So is the gradient, but for the rounding of
// its weights: against the exact one 2^-9 for each weight, more where few weights hardly average
// and where push and pull cancel.
TEST_CASE("NT-Xent kernels in bf16 follow the formulas on rounded rows", "[kernels][ntxent]") {
  for (const Case& c : cases()) {
    CAPTURE(c.pictures, c.dim, c.temperature, c.blocks);
    const kernels::NtxentProblem problem = c.problem(NtxentOperands::bf16);
    const Floats z = random_rows(problem.spec.rows, c.dim), z16 = rounded(z);
    const Result got = run(problem, z);
    const ReferenceLoss want = expected(problem.spec, z16);
    check_loss(problem.spec, z16, got, want, NtxentOperands::bf16);
    CHECK(error(got.dz, gradient_with_rounded_weights(problem.spec, z16)) < 2e-4);
    CHECK(error(got.dz, want.grad_z) < 4e-3);
    // And on the rows as they were, loosely: a dot product of rounded rows is off by about 2^-10.
    const ReferenceLoss exact = expected(problem.spec, z);
    CHECK(std::abs(got.summary.loss - exact.loss) <= 1e-2 * exact.loss);
    CHECK(error(got.dz, exact.grad_z) < 2e-2);
  }
}

TEST_CASE("NT-Xent kernels give the same bits in every order", "[kernels][ntxent]") {
  const auto operands = GENERATE(NtxentOperands::f32, NtxentOperands::bf16);
  for (const Case& c : {Case{1, 128, .5f}, Case{33, 30, .5f}, Case{150, 128, .1f},
                        Case{70, 200, .1f}, Case{100, 128, .1f, 1}}) {
    CAPTURE(c.pictures, c.dim, c.blocks);
    const Floats z = random_rows(2 * c.pictures, c.dim);
    in_every_order([&] { return run(c.problem(operands), z).all(); });
  }
}

TEST_CASE("NT-Xent kernels: a single picture has no loss and no gradient", "[kernels][ntxent]") {
  const auto operands = GENERATE(NtxentOperands::f32, NtxentOperands::bf16);
  const Result got = run({{2, 64, .5f}, operands}, random_rows(2, 64));
  CHECK(got.summary.loss == 0);
  CHECK(got.summary.negative == 0);
  CHECK(got.dz == Floats(128, 0.f));
}

TEST_CASE("NT-Xent kernels, cold: exponents of a hundred either way", "[kernels][ntxent]") {
  const float apart = GENERATE(0.f, .2f, 1.f, 30.f);
  const auto operands = GENERATE(NtxentOperands::f32, NtxentOperands::bf16);
  const kernels::NtxentProblem problem = Case{75, 128, .01f}.problem(operands);
  const Floats given = random_rows(problem.spec.rows, 128, apart);
  const Floats z = operands == NtxentOperands::bf16 ? rounded(given) : given;
  const Result got = run(problem, given);
  const ReferenceLoss want = expected(problem.spec, z);
  CAPTURE(apart, want.loss, operands == NtxentOperands::bf16);
  check_loss(problem.spec, z, got, want, operands);
  if (operands == NtxentOperands::f32)
    CHECK(error(got.dz, want.grad_z) < 2e-5);
  else if (want.loss > 1e-12)
    CHECK(error(got.dz, gradient_with_rounded_weights(problem.spec, z)) < 5e-4);
  else  // the reference's 1 - P is lost in double
    CHECK(error(got.dz, want.grad_z) < 1e-2);
}

TEST_CASE("NT-Xent kernels: rows need not be unit vectors", "[kernels][ntxent]") {
  const kernels::NtxentProblem problem = Case{70, 64, .5f}.problem(NtxentOperands::f32);
  Floats z = random_rows(140, 64);
  for (std::size_t i = 0; i < z.size(); ++i) z[i] *= 1.f + float(i / 64 % 7);
  const Result got = run(problem, z);
  const ReferenceLoss want = expected(problem.spec, z);
  CHECK(got.summary.loss == Approx(want.loss).epsilon(1e-5));
  CHECK(error(got.dz, want.grad_z) < 1e-4);
}

TEST_CASE("NT-Xent kernels: collapsed rows", "[kernels][ntxent]") {
  const auto operands = GENERATE(NtxentOperands::f32, NtxentOperands::bf16);
  SECTION("nearly equal") {
    const float common = GENERATE(3.f, 30.f, 1000.f);
    const kernels::NtxentProblem problem = Case{70, 128, .1f}.problem(operands);
    const Floats given = random_rows(140, 128, 1, common);
    const Floats z = operands == NtxentOperands::bf16 ? rounded(given) : given;
    const Result got = run(problem, given);
    const ReferenceLoss want = expected(problem.spec, z);
    CAPTURE(common);
    CHECK(got.summary.loss == Approx(want.loss).epsilon(1e-6));
    CHECK(got.summary.spread == Approx(spread(problem.spec, z)).epsilon(1e-5));
    // The gradient is a difference of rows that agree up to 1 / common.
    if (operands == NtxentOperands::f32) CHECK(error(got.dz, want.grad_z) < 1e-5 + 5e-7 * common);
  }
  SECTION("equal: every guess is as good, and nothing is strictly nearest") {
    const Result got = run({{140, 128, .01f}, operands}, Floats(140 * 128, std::sqrt(1.f / 128)));
    CHECK(got.summary.loss == Approx(std::log(139.)).epsilon(1e-5));
    CHECK(got.summary.positive == Approx(1).epsilon(operands == NtxentOperands::f32 ? 1e-6 : 4e-3));
    CHECK(got.summary.negative == Approx(got.summary.positive).epsilon(1e-6));
    CHECK(got.summary.top1 == 0);
    CHECK(got.summary.spread == Approx(0).margin(1e-6));
    // In bf16 all weights are rounded alike, by up to 2^-9: a gradient along the row remains.
    const double most = operands == NtxentOperands::f32 ? 1e-5 : 0x1p-9 * 2 / 1.4 * .089;
    CHECK(max_abs(got.dz.data(), Floats(got.dz.size()).data(), got.dz.size()) < most);
  }
}

TEST_CASE("NT-Xent kernels: the gradient may overwrite z", "[kernels][ntxent]") {
  const auto blocks = GENERATE(256, 1);
  const kernels::NtxentProblem problem = Case{40, 128, .5f, blocks}.problem(NtxentOperands::f32);
  const Floats z = random_rows(80, 128);
  const Floats want = run(problem, z).dz;
  const Guarded<float> in(device(), z), lse(device(), std::size_t{80}),
      loss(device(), std::size_t{80}), summary(device(), std::size_t{kNtxentSummary}),
      one(device(), Floats{1}), forward = scratch(kernels::ntxent_workspace(problem)),
                                backward = scratch(kernels::ntxent_backward_workspace(problem));
  kernels::ntxent(problem, in.data(), {lse.data(), loss.data()}, place(summary), forward.data(),
                  stream());
  kernels::ntxent_backward(problem, in.data(), {lse.data(), loss.data()}, one.data(),
                           backward.data(), in.data(), stream());
  CHECK(in.values() == want);
}

TEST_CASE("NT-Xent kernels serve the backend", "[kernels][ntxent]") {
  const auto operands = GENERATE(DType::f32, DType::bf16);
  const NtxentSpec spec{66, 128, .2f};
  const Floats given = random_rows(spec.rows, spec.dim);
  const Floats z = operands == DType::bf16 ? rounded(given) : given;
  Backend& backend = device();
  const Tensor in = Tensor::from_host(backend, {spec.rows, spec.dim}, given),
               rows(backend, {2, spec.rows}, DType::f32),
               summary(backend, {kNtxentSummary}, DType::f32),
               dz(backend, {spec.rows, spec.dim}, DType::f32);
  const NtxentOptions options{spec.temperature, operands};
  backend.ntxent(in, options, rows, summary);
  const Floats one{1};
  backend.ntxent_backward(in, options, rows, Tensor::from_host(backend, {1}, one), dz);
  const ReferenceLoss want = expected(spec, z);
  CHECK(summary.to_host()[0] == Approx(want.loss).epsilon(2e-6));
  CHECK(error(dz.to_host(), want.grad_z) < (operands == DType::bf16 ? 4e-3 : 5e-6));

  const Tensor wide(backend, {2, 300}, DType::f32);
  CHECK_THROWS_WITH(backend.ntxent(wide, options, rows, summary),
                    Catch::Contains("at most 256 elements"));
  CHECK_THROWS_WITH(backend.ntxent(in, {.5f, DType::u8}, rows, summary),
                    Catch::Contains("u8; there are f32 and bf16"));
}

TEST_CASE("NT-Xent's launchers refuse what they cannot do", "[kernels][ntxent]") {
  for (const NtxentSpec& bad :
       {NtxentSpec{3, 8, .5f}, NtxentSpec{0, 8, .5f}, NtxentSpec{2, 257, .5f},
        NtxentSpec{2, 0, .5f}, NtxentSpec{2, 8, 0.f}, NtxentSpec{2, 8, kNan}}) {
    CAPTURE(bad.rows, bad.dim, bad.temperature);
    CHECK_THROWS_AS(kernels::ntxent_workspace({bad, NtxentOperands::f32}), std::invalid_argument);
    CHECK_THROWS_AS(kernels::ntxent_backward_workspace({bad, NtxentOperands::bf16}),
                    std::invalid_argument);
  }
}

TEST_CASE("NT-Xent needs memory for rows, not for pairs", "[kernels][ntxent]") {
  const kernels::NtxentProblem problem{{65536, 128, .1f}, NtxentOperands::bf16};
  CHECK(kernels::ntxent_workspace(problem) < 32 << 20);
  CHECK(kernels::ntxent_backward_workspace(problem) < 32 << 20);
}

TEST_CASE("planted faults in NT-Xent's kernels are seen", "[kernels][ntxent]") {
  const NtxentSpec spec{66, 64, .5f};
  const Floats z = random_rows(spec.rows, spec.dim);
  const Doubles wide(z.begin(), z.end());
  const Result got = run({spec, NtxentOperands::f32}, z);
  SECTION("positives taken from neighbouring rows") {
    std::vector<std::int64_t> partner;
    for (std::int64_t i = 0; i < spec.rows; ++i) partner.push_back(i ^ 1);
    const ReferenceLoss wrong = reference_ntxent(spec.rows, spec.dim, .5, wide, partner);
    CHECK(error(got.loss, wrong.anchor) > 1e-2);
    CHECK(error(got.dz, wrong.grad_z) > 1e-2);
  }
  SECTION("another temperature") {
    const ReferenceLoss wrong =
        reference_ntxent(spec.rows, spec.dim, .501, wide, standard_partners(spec.rows));
    CHECK(error(got.loss, wrong.anchor) > 1e-5);
    CHECK(error(got.dz, wrong.grad_z) > 1e-4);
  }
  SECTION("operands that were not rounded, weights that were not rounded") {
    const Result half = run({spec, NtxentOperands::bf16}, z);
    CHECK(error(half.loss, expected(spec, z).anchor) > 1e-5);
    CHECK(error(got.dz, gradient_with_rounded_weights(spec, z)) > 2e-4);
  }
  SECTION("a part of the columns left out: the last row") {
    NtxentSpec fewer = spec;
    fewer.rows -= 2;
    Floats without = z;
    without.erase(without.end() - spec.dim, without.end());
    without.erase(without.begin() + 32 * spec.dim, without.begin() + 33 * spec.dim);
    const ReferenceLoss wrong = expected(fewer, without);
    CHECK(std::abs(got.summary.loss - wrong.loss) > 1e-3 * wrong.loss);
  }
  SECTION("NaN in one element reaches the loss and every comparison") {
    const auto operands = GENERATE(NtxentOperands::f32, NtxentOperands::bf16);
    Floats broken = z;
    broken[70] = kNan;
    const Result bad = run({spec, operands}, broken);
    CHECK(std::isnan(bad.summary.loss));
    CHECK(std::isnan(bad.summary.spread));
    CHECK_FALSE(error(bad.dz, expected(spec, z).grad_z) < 1e9);
  }
}

}  // namespace
}  // namespace peclr::test
