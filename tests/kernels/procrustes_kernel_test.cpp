// SPDX-License-Identifier: Apache-2.0
// The alignment kernel against Horn's quaternions: any number of poses and points, memory that is
// not aligned, outputs that are not wanted, hands of any size and place.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <vector>

#include "engine/backend.h"
#include "kernels/procrustes_kernels.h"
#include "kernels/random.h"
#include "tests/kernels/guarded.h"
#include "tests/simt/orders.h"
#include "tests/support/device.h"
#include "tests/support/pose_reference.h"

namespace peclr::test {
namespace {

using Floats = std::vector<float>;

struct Poses {
  int count, points;
  Floats source, target;

  std::vector<Double3> points_of(const Floats& all, int pose) const {
    std::vector<Double3> out;
    for (int i = 0; i < points; ++i) {
      const float* p = &all[3 * (std::size_t(pose) * std::size_t(points) + std::size_t(i))];
      out.push_back({p[0], p[1], p[2]});
    }
    return out;
  }
};

struct Scene {
  int count = 20, points = 21;
  float flat = 1, noise = 0.01f;
  bool mirror = false;
  std::uint64_t seed = 1;
};

// Hands of 10 cm, half a metre away, as they are and turned, scaled, moved, with noise.
Poses make_poses(const Scene& scene) {
  Rng rng = Rng::of(scene.seed, 61);
  Poses poses{scene.count, scene.points, {}, {}};
  for (int n = 0; n < scene.count; ++n) {
    const double a = rng.uniform(-3, 3), b = rng.uniform(-3, 3), scale = rng.uniform(0.2f, 4);
    const double ca = std::cos(a), sa = std::sin(a), cb = std::cos(b), sb = std::sin(b);
    const double move[3] = {rng.uniform(-1, 1), rng.uniform(-1, 1), rng.uniform(-1, 1)};
    for (int i = 0; i < scene.points; ++i) {
      const double x = rng.uniform(-0.1f, 0.1f), y = rng.uniform(-0.1f, 0.1f),
                   z = scene.flat * rng.uniform(-0.1f, 0.1f);
      const double u = scene.mirror ? -x : x, v = cb * y - sb * z, w = sb * y + cb * z;
      const double turned[3] = {ca * u - sa * v, sa * u + ca * v, w};
      const double target[3] = {x, y, z + 0.5};
      for (int c = 0; c < 3; ++c) {
        poses.target.push_back(float(target[c]));
        poses.source.push_back(
            float(scale * (turned[c] + scene.noise * rng.uniform(-1, 1)) + move[c]));
      }
    }
  }
  return poses;
}

struct Fits {
  Floats aligned, rotation, scale, translation, pa_epe;
  bool operator==(const Fits&) const = default;
};

Fits fit(const Poses& poses, Alignment rule, int offset = 0) {
  const auto n = static_cast<std::size_t>(poses.count);
  const Guarded<float> source(device(), poses.source, offset),
      target(device(), poses.target, offset), aligned(device(), poses.source.size(), offset),
      rotation(device(), 9 * n), scale(device(), n), translation(device(), 3 * n),
      pa_epe(device(), n);
  kernels::procrustes(
      {source.data(), target.data(), poses.count, poses.points, rule},
      {aligned.data(), rotation.data(), scale.data(), translation.data(), pa_epe.data()}, stream());
  return {aligned.values(), rotation.values(), scale.values(), translation.values(),
          pa_epe.values()};
}

// How many numbers differ from the reference by more than f32's rounding; NaN counts.
int faults(const Fits& fits, const Poses& poses, int pose, const ReferenceFit& want) {
  int wrong = 0;
  const auto near = [&](float got, double value, double error) {
    wrong += !(std::abs(got - value) <= error);
  };
  const auto n = std::size_t(pose), points = std::size_t(poses.points);
  for (std::size_t i = 0; i < 9; ++i) near(fits.rotation[9 * n + i], want.rotation[i], 1e-6);
  near(fits.scale[n], want.scale, 1e-6 * want.scale);
  for (std::size_t c = 0; c < 3; ++c)
    near(fits.translation[3 * n + c], want.translation[c], 1e-6 * (1 + want.scale));
  for (std::size_t i = 0; i < points; ++i)
    for (std::size_t c = 0; c < 3; ++c)
      near(fits.aligned[3 * (n * points + i) + c], want.aligned[i][c], 2e-7);
  near(fits.pa_epe[n], want.error, 1e-8);
  return wrong;
}

void check_scene(const Scene& scene, int offset = 0) {
  const Poses poses = make_poses(scene);
  for (const Alignment rule : {Alignment::proper, Alignment::freihand}) {
    const Fits fits = fit(poses, rule, offset);
    int wrong = 0;
    for (int n = 0; n < poses.count; ++n)
      wrong += faults(fits, poses, n,
                      horn_fit(poses.points_of(poses.source, n), poses.points_of(poses.target, n),
                               rule == Alignment::freihand));
    CAPTURE(scene.count, scene.points, scene.flat, scene.noise, scene.mirror, int(rule), offset);
    CHECK(wrong == 0);
  }
}

}  // namespace

TEST_CASE("procrustes kernel equals Horn's quaternions", "[kernels][procrustes]") {
  for (const int count : {1, 31, 63, 64, 65, 130}) check_scene({.count = count});
  for (const int points : {4, 20, 22, 42, 43, 778}) check_scene({.count = 7, .points = points});
  check_scene({.count = 70}, 1);  // no packs
  check_scene({.flat = 1e-3f, .noise = 1e-3f});
  check_scene({.flat = 0.05f, .noise = 2e-3f, .mirror = true});
  check_scene({.noise = 0, .mirror = true});
  check_scene({.noise = 0.1f});
}

TEST_CASE("procrustes kernel: the same bits in every order, aligned or not",
          "[kernels][procrustes]") {
  for (const int points : {21, 30}) {
    const Poses poses = make_poses({.count = 66, .points = points});
    const Fits fits = fit(poses, Alignment::proper);
    for_each_order([&] { CHECK(fit(poses, Alignment::proper) == fits); });
    CHECK(fit(poses, Alignment::proper, 3) == fits);
  }
}

TEST_CASE("procrustes kernel: each output alone", "[kernels][procrustes]") {
  const Poses poses = make_poses({.count = 3});
  const Fits all = fit(poses, Alignment::proper);
  const Guarded<float> source(device(), poses.source), target(device(), poses.target),
      out(device(), poses.source.size());
  const auto alone = [&](float* ProcrustesOutput::*which) {
    ProcrustesOutput wanted;
    wanted.*which = out.data();
    kernels::procrustes({source.data(), target.data(), 3, 21, Alignment::proper}, wanted, stream());
    return out.values();
  };
  const auto starts_with = [](const Floats& got, const Floats& want) {
    return std::equal(want.begin(), want.end(), got.begin());
  };
  CHECK(starts_with(alone(&ProcrustesOutput::aligned), all.aligned));
  CHECK(starts_with(alone(&ProcrustesOutput::rotation), all.rotation));
  CHECK(starts_with(alone(&ProcrustesOutput::scale), all.scale));
  CHECK(starts_with(alone(&ProcrustesOutput::translation), all.translation));
  CHECK(starts_with(alone(&ProcrustesOutput::pa_epe), all.pa_epe));
}

TEST_CASE("procrustes kernel: hands of any size and place lose no digits",
          "[kernels][procrustes]") {
  Poses poses = make_poses({});
  const Fits near = fit(poses, Alignment::proper);
  for (const float factor : {0x1p-60f, 0x1p60f}) {
    Poses sized = poses;
    for (float& x : sized.source) x *= factor;
    const Fits fits = fit(sized, Alignment::proper);
    for (int n = 0; n < poses.count; ++n)
      REQUIRE(fits.pa_epe[std::size_t(n)] == near.pa_epe[std::size_t(n)]);
  }
  for (float& x : poses.source) x += 100;
  const Fits fits = fit(poses, Alignment::proper);
  for (int n = 0; n < poses.count; ++n) {
    const ReferenceFit want =
        horn_fit(poses.points_of(poses.source, n), poses.points_of(poses.target, n), false);
    REQUIRE(fits.pa_epe[std::size_t(n)] == Approx(want.error).epsilon(1e-6));
  }
}

TEST_CASE("procrustes kernel: a point, a NaN, and their neighbours", "[kernels][procrustes]") {
  Poses poses = make_poses({.count = 6});
  const Fits before = fit(poses, Alignment::proper);
  for (int i = 0; i < 63; ++i) poses.source[63 + std::size_t(i)] = 0.25f * float(i % 3);
  poses.source[3 * 63 + 7] = NAN;
  const Fits fits = fit(poses, Alignment::proper);
  CHECK(fits.scale[1] == 0);
  CHECK(std::isfinite(fits.pa_epe[1]));
  CHECK(std::isnan(fits.pa_epe[3]));
  for (const std::size_t n : {0, 2, 4, 5}) CHECK(fits.pa_epe[n] == before.pa_epe[n]);
}

TEST_CASE("procrustes kernel: the checker sees a transposed rotation and a NaN",
          "[kernels][procrustes]") {
  const Poses poses = make_poses({.count = 1});
  const ReferenceFit want =
      horn_fit(poses.points_of(poses.source, 0), poses.points_of(poses.target, 0), false);
  Fits fits = fit(poses, Alignment::proper);
  REQUIRE(faults(fits, poses, 0, want) == 0);
  std::swap(fits.rotation[1], fits.rotation[3]);
  fits.pa_epe[0] = NAN;
  CHECK(faults(fits, poses, 0, want) == 3);
}

}  // namespace peclr::test
