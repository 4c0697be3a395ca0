// SPDX-License-Identifier: Apache-2.0
// The kernels that invert views, on rows of any length, against the double reference.
#include <catch2/catch.hpp>
#include <cmath>
#include <vector>

#include "engine/backend.h"
#include "kernels/equivariance_kernels.h"
#include "kernels/random.h"
#include "tests/kernels/guarded.h"
#include "tests/simt/orders.h"
#include "tests/support/compare.h"
#include "tests/support/contrastive_reference.h"
#include "tests/support/device.h"

namespace peclr::test {
namespace {

using Floats = std::vector<float>;

struct Case {
  ReferenceViews views;
  Floats projection, dz;
};

Case make_case(std::int64_t rows, std::int64_t dim, Inversion what = {true, true, true}) {
  Case c{{rows, dim, {}, what}, {}, {}};
  Rng rng = Rng::of(51, rows, dim);
  for (std::int64_t i = 0; i < rows * dim; ++i) {
    c.projection.push_back(rng.uniform(-2, 3));
    c.dz.push_back(rng.uniform(-1, 1));
  }
  for (std::int64_t i = 0; i < rows; ++i)
    c.views.views.push_back({rng.uniform(-180, 180), rng.uniform(-.4f, .4f), rng.uniform(-.4f, .4f),
                             rng.uniform(.6f, 1.6f)});
  return c;
}

struct Inputs {
  Guarded<float> projection, views;

  static Floats numbers_of(const std::vector<ViewTransform>& views) {
    Floats numbers;
    for (const ViewTransform& v : views)
      numbers.insert(numbers.end(), {v.angle_deg, v.shift_x, v.shift_y, v.scale});
    return numbers;
  }
  explicit Inputs(const Case& c)
      : projection(device(), c.projection), views(device(), numbers_of(c.views.views)) {}
  kernels::InvertViewsInput of(const Case& c) const {
    return {projection.data(), reinterpret_cast<const ViewTransform*>(views.data()), c.views.what,
            c.views.rows, static_cast<int>(c.views.dim)};
  }
};

Floats invert(const Case& c) {
  const Inputs in(c);
  const Guarded<float> z(device(), c.projection.size());
  kernels::invert_views(in.of(c), z.data(), stream());
  return z.values();
}

Floats invert_backward(const Case& c) {
  const Inputs in(c);
  const Guarded<float> dz(device(), c.dz), dprojection(device(), c.projection.size());
  kernels::invert_views_backward(in.of(c), dz.data(), dprojection.data(), stream());
  return dprojection.values();
}

double error(const Floats& got, const Doubles& want) {
  return relative_l2(got.data(), want.data(), want.size());
}

Doubles expected(const Case& c) {
  const Doubles p = doubles(c.projection);
  return reference_invert(c.views, reference_frames(c.views, p), p);
}

}  // namespace

TEST_CASE("equivariance kernels agree with the double reference", "[kernels][equivariance]") {
  for (const bool undo : {false, true})
    for (const std::int64_t rows : {1, 3, 4, 5, 33})
      for (const std::int64_t dim : {2, 6, 62, 64, 66, 126, 128, 130, 1024}) {
        const Case c = make_case(rows, dim, {undo, undo, undo});
        CAPTURE(undo, rows, dim);
        CHECK(error(invert(c), expected(c)) < 1e-6);
        const Doubles want =
            reference_invert_backward(c.views, doubles(c.projection), doubles(c.dz));
        // With a single point, the two normalisations leave one number, which can be small.
        CHECK(error(invert_backward(c), want) < (dim == 2 ? 2e-5 : 1e-6));
      }
}

TEST_CASE("equivariance kernels: the same bits in every order, and over the gradient of z",
          "[kernels][equivariance]") {
  for (const std::int64_t dim : {128, 130}) {
    const Case c = make_case(9, dim);
    const Floats z = invert(c), dprojection = invert_backward(c);
    for_each_order([&] {
      CHECK(invert(c) == z);
      CHECK(invert_backward(c) == dprojection);
    });
    const Inputs in(c);
    const Guarded<float> dz(device(), c.dz);
    kernels::invert_views_backward(in.of(c), dz.data(), dz.data(), stream());
    CHECK(dz.values() == dprojection);
  }
}

TEST_CASE("equivariance kernels: zeros stay zeros, an overflow and a NaN are seen",
          "[kernels][equivariance]") {
  for (const std::int64_t dim : {8, 128}) {
    Case c = make_case(3, dim);
    for (std::int64_t d = 0; d < dim; ++d) {
      c.projection[std::size_t(d)] = 0;
      c.projection[std::size_t(dim + d)] = 1e30f;
    }
    c.projection[std::size_t(3 * dim - 1)] = NAN;
    const Floats z = invert(c);
    for (std::int64_t d = 0; d < dim; ++d) {
      CHECK(z[std::size_t(d)] == 0);
      CHECK(std::isnan(z[std::size_t(dim + d)]));
      CHECK(std::isnan(z[std::size_t(2 * dim + d)]));
    }
  }
  CHECK_THROWS_AS(kernels::invert_views({nullptr, nullptr, {}, 1, 7}, nullptr, stream()),
                  std::invalid_argument);
}

TEST_CASE("equivariance kernels: the checker sees a wrong sense of rotation",
          "[kernels][equivariance]") {
  Case c = make_case(6, 128);
  const Floats z = invert(c);
  for (ViewTransform& view : c.views.views) view.angle_deg = -view.angle_deg;
  CHECK(error(z, expected(c)) > 1e-2);
}

}  // namespace peclr::test
