// SPDX-License-Identifier: Apache-2.0
// The inversion of the views' transforms, as this processor runs it (PECLR_CPU chooses): against
// the double reference, against finite differences, against examples worked by hand, and against
// what an inverse must do.

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <complex>
#include <limits>
#include <vector>

#include "engine/parallel.h"
#include "kernels/random.h"
#include "tests/support/compare.h"
#include "tests/support/contrastive_reference.h"
#include "tests/support/device.h"
#include "tests/support/gradient_check.h"

namespace peclr::test {
namespace {

using Floats = std::vector<float>;

struct Views {
  ReferenceViews in;
  Floats projection;
};

Views random_views(std::int64_t rows, std::int64_t dim, Inversion what = {true, true, true}) {
  Views out{{rows, dim, {}, what}, Floats(rows * dim)};
  Rng rng = Rng::of(7, rows, dim);
  for (float& x : out.projection) x = rng.uniform(-2, 3);
  for (std::int64_t i = 0; i < rows; ++i)
    out.in.views.push_back({rng.uniform(-180, 180), rng.uniform(-.4f, .4f), rng.uniform(-.4f, .4f),
                            rng.uniform(.6f, 1.6f)});
  return out;
}

Tensor rows_of(const Views& v, const Floats& values) {
  return Tensor::from_host(device(), {v.in.rows, v.in.dim}, values);
}

Floats invert(const Views& v) {
  const Tensor z(device(), {v.in.rows, v.in.dim}, DType::f32);
  device().invert_views(rows_of(v, v.projection), view_tensor(device(), v.in.views), v.in.what, z);
  return z.to_host();
}

void invert_backward(const Views& v, const Tensor& grad_z, const Tensor& grad) {
  device().invert_views_backward(rows_of(v, v.projection), view_tensor(device(), v.in.views),
                                 v.in.what, grad_z, grad);
}
Floats invert_backward(const Views& v, const Floats& grad_z) {
  const Tensor grad(device(), {v.in.rows, v.in.dim}, DType::f32);
  invert_backward(v, rows_of(v, grad_z), grad);
  return grad.to_host();
}

Doubles doubles(const Floats& x) { return {x.begin(), x.end()}; }

double error(const Floats& got, const Doubles& want) {
  REQUIRE(got.size() == want.size());
  return relative_l2(got.data(), want.data(), want.size());
}

Doubles expected(const ReferenceViews& in, const Floats& projection) {
  const Doubles p = doubles(projection);
  return reference_invert(in, reference_frames(in, p), p);
}

Floats random_gradient(std::size_t size) {
  Floats g(size);
  Rng rng = Rng::of(8, size);
  for (float& x : g) x = rng.uniform(-1, 1);
  return g;
}

// What the augmentation does, on a row of points: turns and scales about the mean, then moves by
// extents.
Doubles apply_forward(const ReferenceViews& in, Doubles z) {
  for (std::int64_t i = 0; i < in.rows; ++i) {
    const ViewTransform& view = in.views[i];
    std::vector<std::complex<double>> points;
    for (std::int64_t k = 0; k < in.dim; k += 2)
      points.emplace_back(z[i * in.dim + k], z[i * in.dim + k + 1]);
    std::complex<double> mean = 0;
    for (auto p : points) mean += p / double(points.size());
    double low[2] = {1e9, 1e9}, high[2] = {-1e9, -1e9}, square = 0;
    for (auto& p : points) {
      p = mean +
          (p - mean) * std::polar(double(view.scale), -view.angle_deg * std::acos(-1.) / 180);
      low[0] = std::min(low[0], p.real());
      low[1] = std::min(low[1], p.imag());
      high[0] = std::max(high[0], p.real());
      high[1] = std::max(high[1], p.imag());
    }
    for (auto& p : points) {
      p += std::complex(view.shift_x * (high[0] - low[0]), view.shift_y * (high[1] - low[1]));
      square += std::norm(p);
    }
    for (std::int64_t k = 0; k < in.dim; k += 2) {
      z[i * in.dim + k] = points[k / 2].real() / std::sqrt(square);
      z[i * in.dim + k + 1] = points[k / 2].imag() / std::sqrt(square);
    }
  }
  return z;
}

}  // namespace

TEST_CASE("inversion and its gradient agree with the double reference", "[equivariance]") {
  const auto agree = [](std::int64_t rows, std::int64_t dim, Inversion what) {
    const Views v = random_views(rows, dim, what);
    CAPTURE(rows, dim, what.translate, what.rotate, what.scale);
    CHECK(error(invert(v), expected(v.in, v.projection)) < 1e-6);
    const Floats g = random_gradient(v.projection.size());
    const Doubles want = reference_invert_backward(v.in, doubles(v.projection), doubles(g));
    // With a single point, the two normalisations leave one number, which can be small.
    CHECK(error(invert_backward(v, g), want) < (dim == 2 ? 1e-5 : 1e-6));
  };
  const bool translate = GENERATE(false, true), rotate = GENERATE(false, true);
  const Inversion what{translate, rotate, GENERATE(false, true)};
  for (const std::int64_t rows : {2, 4, 6, 66})
    for (const std::int64_t dim : {2, 64, 128, 130}) agree(rows, dim, what);
  agree(2, 1024, what);
}

TEST_CASE("gradient agrees with finite differences, extent and mean held", "[equivariance]") {
  const Views v = random_views(2, 10);
  const Floats g = random_gradient(v.projection.size()), got = invert_backward(v, g);
  const Doubles p = doubles(v.projection);
  const auto frames = reference_frames(v.in, p);
  const auto value = [&](const Doubles& x) {
    const Doubles z = reference_invert(v.in, frames, x);
    double sum = 0;
    for (std::size_t i = 0; i < z.size(); ++i) sum += z[i] * g[i];
    return sum;
  };
  Doubles want(p.size());
  for (std::size_t i = 0; i < p.size(); ++i) want[i] = finite_difference(value, p, i, 1e-3);
  CHECK(error(got, want) < 1e-6);
  const Doubles reference = reference_invert_backward(v.in, p, doubles(g));
  CHECK(relative_l2(reference.data(), want.data(), want.size()) < 1e-9);
}

TEST_CASE("examples worked by hand", "[equivariance]") {
  const float half = std::sqrt(.5f);
  SECTION("90 degrees took what was right of the middle to the top; it goes back to the right") {
    const Floats z = invert({{1, 4, {{90, 0, 0, 1}}, {false, true, false}}, {0, -1, 0, 1}});
    const Floats want{half, 0, -half, 0};
    CHECK(max_abs(z.data(), want.data(), 4) < 1e-6);
  }
  SECTION("a hand a quarter to the right of the middle goes back to the left") {
    // Normalised points (0, 0), (1, 0), extent 1: they become (-1/4, 0), (3/4, 0).
    const Floats z = invert({{1, 4, {{0, .25f, 0, 1}}, {true, false, false}}, {0, 0, 5, 0}});
    const float norm = std::sqrt(.0625f + .5625f);
    const Floats want{-.25f / norm, 0, .75f / norm, 0};
    CHECK(max_abs(z.data(), want.data(), 4) < 1e-6);
  }
  SECTION("a hand drawn twice as large shrinks about its middle") {
    // Points (0, 0), (0.6, 0.8), middle (0.3, 0.4): half as far from it.
    const Floats z = invert({{1, 4, {{0, 0, 0, 2}}, {false, false, true}}, {0, 0, 3, 4}});
    const float norm = std::sqrt(.0225f + .04f + .2025f + .36f);
    const Floats want{.15f / norm, .2f / norm, .45f / norm, .6f / norm};
    CHECK(max_abs(z.data(), want.data(), 4) < 1e-6);
  }
}

TEST_CASE("the forward transform gives the directions back", "[equivariance]") {
  const Views v = random_views(10, 64);
  const Views plain{{10, 64, v.in.views, {false, false, false}}, v.projection};
  const Doubles back = apply_forward(v.in, doubles(invert(v)));
  CHECK(error(invert(plain), back) < 1e-6);
}

TEST_CASE("SimCLR only normalises and never looks at the views", "[equivariance]") {
  Views v = random_views(6, 128, {false, false, false});
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  for (ViewTransform& view : v.in.views) view = {kNan, kNan, kNan, kNan};
  const Floats z = invert(v);
  for (std::int64_t i = 0; i < 6; ++i) {
    double square = 0, dot = 0, norm = 0;
    for (std::int64_t d = 0; d < 128; ++d) {
      const double x = v.projection[i * 128 + d], y = z[i * 128 + d];
      square += y * y;
      dot += x * y;
      norm += x * x;
    }
    CHECK(square == Approx(1).epsilon(1e-6));
    CHECK(dot == Approx(std::sqrt(norm)).epsilon(1e-6));
  }
}

TEST_CASE("a row of zeros stays zero, one beyond f32 shows as NaN", "[equivariance]") {
  Views v = random_views(2, 8);
  std::fill(v.projection.begin(), v.projection.begin() + 8, 0.f);
  std::fill(v.projection.begin() + 8, v.projection.end(), 1e30f);
  const Floats z = invert(v);
  for (int d = 0; d < 8; ++d) {
    CHECK(z[d] == 0.f);
    CHECK(std::isnan(z[8 + d]));
  }
}

// torch.nn.functional.normalize, x / max(|x|, 1e-12), twice.
TEST_CASE("a tiny row has norm 1", "[equivariance]") {
  Views v = random_views(4, 8, {false, false, false});
  const double norms[] = {1, 1e-9, 4e-12, 2.5e-13};
  for (std::size_t row = 0; row < 4; ++row) {
    double square = 0;
    for (std::size_t d = 0; d < 8; ++d) square += std::pow(double(v.projection[8 * row + d]), 2);
    for (std::size_t d = 0; d < 8; ++d)
      v.projection[8 * row + d] *= static_cast<float>(norms[row] / std::sqrt(square));
  }
  const Floats z = invert(v);
  for (std::size_t row = 0; row < 4; ++row) {
    double square = 0;
    for (std::size_t d = 0; d < 8; ++d) square += std::pow(double(z[8 * row + d]), 2);
    CHECK(std::sqrt(square) == Approx(1).epsilon(1e-5));
  }
}

TEST_CASE("the gradient may overwrite the gradient of z", "[equivariance]") {
  const Views v = random_views(6, 130);
  const Floats g = random_gradient(v.projection.size());
  const Tensor in_place = rows_of(v, g);
  invert_backward(v, in_place, in_place);
  CHECK(in_place.to_host() == invert_backward(v, g));
}

TEST_CASE("bits of the inversion do not depend on the number of threads", "[equivariance]") {
  const Views v = random_views(514, 130);
  const Floats g = random_gradient(v.projection.size());
  set_threads(1);
  const Floats z = invert(v), grad = invert_backward(v, g);
  for (int count : {2, 3}) {
    set_threads(count);
    CHECK(invert(v) == z);
    CHECK(invert_backward(v, g) == grad);
  }
  set_threads(0);
}

TEST_CASE("planted faults in the inversion are seen", "[equivariance]") {
  const Views v = random_views(6, 64, {true, true, false});
  const Floats z = invert(v);
  REQUIRE(error(z, expected(v.in, v.projection)) < 1e-6);
  SECTION("rotation in the other sense") {
    ReferenceViews wrong = v.in;
    for (ViewTransform& view : wrong.views) view.angle_deg = -view.angle_deg;
    CHECK(error(z, expected(wrong, v.projection)) > 1e-2);
  }
  SECTION("shift to the other side") {
    ReferenceViews wrong = v.in;
    for (ViewTransform& view : wrong.views) view.shift_x = -view.shift_x;
    CHECK(error(z, expected(wrong, v.projection)) > 1e-2);
  }
  SECTION("scale forgotten") {
    ReferenceViews wrong = v.in;
    wrong.what.scale = true;
    CHECK(error(z, expected(wrong, v.projection)) > 1e-2);
  }
  SECTION("NaN in one element") {
    Views broken = v;
    broken.projection[5] = std::numeric_limits<float>::quiet_NaN();
    CHECK_FALSE(error(invert(broken), expected(v.in, v.projection)) < 1e9);
  }
}

}  // namespace peclr::test
