// SPDX-License-Identifier: Apache-2.0
// Procrustes against Horn's quaternions, against small turns away from the answer, and on hands
// that are mirrored, flat, far away or no hands at all.
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "engine/parallel.h"
#include "kernels/joints.h"
#include "kernels/random.h"
#include "tests/support/device.h"
#include "tests/support/pose_reference.h"

using namespace peclr;
using namespace peclr::test;

namespace {

struct Poses {
  int count, points;
  std::vector<float> source, target;
};

struct Fits {
  std::vector<float> aligned, rotation, scale, translation, pa_epe;
};

Fits fit(const Poses& poses, Alignment rule) {
  const std::int64_t n = poses.count;
  const Shape shape{n, poses.points, 3};
  const auto output = [](Shape of) { return Tensor(device(), of, DType::f32); };
  const ProcrustesTensors out{output(shape), output({n, 3, 3}), output({n}), output({n, 3}),
                              output({n})};
  device().procrustes(Tensor::from_host(device(), shape, poses.source),
                      Tensor::from_host(device(), shape, poses.target), rule, out);
  return {out.aligned.to_host(), out.rotation.to_host(), out.scale.to_host(),
          out.translation.to_host(), out.pa_epe.to_host()};
}

float normal(Rng& rng) {  // twelve uniforms, good enough for noise
  float sum = -6;
  for (int i = 0; i < 12; ++i) sum += rng.uniform();
  return sum;
}

Double9 random_rotation(Rng& rng) {
  double q[4], norm = 0;
  for (double& x : q) {
    x = normal(rng);
    norm += x * x;
  }
  for (double& x : q) x /= std::sqrt(norm);
  const double w = q[0], x = q[1], y = q[2], z = q[3];
  return {1 - 2 * (y * y + z * z), 2 * (x * y - w * z),     2 * (x * z + w * y),
          2 * (x * y + w * z),     1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
          2 * (x * z - w * y),     2 * (y * z + w * x),     1 - 2 * (x * x + y * y)};
}

struct Scene {
  int count = 50, points = kJoints;
  float flatness = 1;  // of the hand's third axis
  float noise = 0;     // metres
  float offset = 1;    // metres, of the source
  bool mirror = false;
};

// Targets like hands (10 cm, half a metre away); sources are turned, scaled and moved copies with
// noise.
Poses make_poses(const Scene& scene, std::uint64_t seed) {
  Rng rng = Rng::of(seed, 11);
  Poses poses{scene.count, scene.points, {}, {}};
  for (int n = 0; n < scene.count; ++n) {
    const Double9 turn = random_rotation(rng), view = random_rotation(rng);
    const double scale = rng.uniform(0.2f, 4.0f);
    const Double3 shift{scene.offset * rng.uniform(-1, 1), scene.offset * rng.uniform(-1, 1),
                        scene.offset * rng.uniform(-1, 1)};
    for (int i = 0; i < scene.points; ++i) {
      const Double3 flat{0.05 * normal(rng), 0.05 * normal(rng),
                         0.05 * scene.flatness * normal(rng)};
      for (int r = 0; r < 3; ++r) {
        double t = 0, s = 0;
        for (int c = 0; c < 3; ++c) {
          t += view[3 * r + c] * flat[c];
          s += turn[3 * r + c] *
               (flat[c] * (scene.mirror && c == 0 ? -1 : 1) + scene.noise * normal(rng));
        }
        poses.target.push_back(static_cast<float>(t + (r == 2 ? 0.5 : 0.0)));
        poses.source.push_back(static_cast<float>(scale * s + shift[r]));
      }
    }
  }
  return poses;
}

std::vector<Double3> points_of(const std::vector<float>& all, int pose, int points) {
  std::vector<Double3> out;
  for (int i = 0; i < points; ++i) {
    const float* p = &all[3 * (static_cast<std::size_t>(pose) * points + i)];
    out.push_back({p[0], p[1], p[2]});
  }
  return out;
}

Double9 rotation_of(const Fits& fits, int pose) {
  Double9 r;
  for (int i = 0; i < 9; ++i) r[i] = fits.rotation[9 * pose + i];
  return r;
}

bool is_orthogonal(const Double9& r) {
  for (int a = 0; a < 3; ++a)
    for (int b = 0; b < 3; ++b) {
      const double product =
          r[3 * a] * r[3 * b] + r[3 * a + 1] * r[3 * b + 1] + r[3 * a + 2] * r[3 * b + 2];
      if (!(std::abs(product - (a == b)) < 1e-6)) return false;
    }
  return true;
}

// Equal to the reference within f32's rounding of the outputs; false for anything that is not a
// number.
bool matches(const Fits& fits, int pose, int points, const ReferenceFit& want) {
  for (int i = 0; i < 9; ++i)
    if (!(std::abs(fits.rotation[9 * pose + i] - want.rotation[i]) < 1e-6)) return false;
  if (!(std::abs(fits.scale[pose] - want.scale) < 1e-6 * want.scale)) return false;
  for (int c = 0; c < 3; ++c)
    if (!(std::abs(fits.translation[3 * pose + c] - want.translation[c]) < 1e-6 * (1 + want.scale)))
      return false;
  for (int i = 0; i < points; ++i)
    for (int c = 0; c < 3; ++c)
      if (!(std::abs(fits.aligned[3 * (pose * points + i) + c] - want.aligned[i][c]) < 2e-7))
        return false;
  return std::abs(fits.pa_epe[pose] - want.error) < 1e-8;
}

// Sum of squared distances after rotation r with the best scale and translation for it.
double residual(const std::vector<Double3>& source, const std::vector<Double3>& target,
                const Double9& r) {
  Double3 s_mean{}, t_mean{};
  const auto n = static_cast<double>(source.size());
  for (std::size_t i = 0; i < source.size(); ++i)
    for (int c = 0; c < 3; ++c) {
      s_mean[c] += source[i][c] / n;
      t_mean[c] += target[i][c] / n;
    }
  double st = 0, ss = 0, tt = 0;
  for (std::size_t i = 0; i < source.size(); ++i)
    for (int c = 0; c < 3; ++c) {
      double s = 0;
      for (int k = 0; k < 3; ++k) s += (source[i][k] - s_mean[k]) * r[3 * k + c];
      const double t = target[i][c] - t_mean[c];
      st += s * t;
      ss += s * s;
      tt += t * t;
    }
  return st > 0 ? tt - st * st / ss : tt;
}

// True if no small turn of the rotation does better.
bool is_optimal(const std::vector<Double3>& source, const std::vector<Double3>& target,
                const Double9& r) {
  const double here = residual(source, target, r);
  for (int axis = 0; axis < 3; ++axis)
    for (const double angle : {-1e-3, 1e-3}) {
      Double9 turned = r;
      const int a = (axis + 1) % 3, b = (axis + 2) % 3;
      for (int k = 0; k < 3; ++k) {
        turned[3 * k + a] = std::cos(angle) * r[3 * k + a] - std::sin(angle) * r[3 * k + b];
        turned[3 * k + b] = std::sin(angle) * r[3 * k + a] + std::cos(angle) * r[3 * k + b];
      }
      if (!(here <= residual(source, target, turned) + 1e-12)) return false;
    }
  return true;
}

}  // namespace

TEST_CASE("procrustes undoes an exact similarity, for any number of poses and points",
          "[procrustes]") {
  for (const int points : {4, 21, 32, 33, 70, 778})
    for (const int count : {1, 7, 8, 17}) {
      const Poses poses = make_poses({.count = count, .points = points}, points + count);
      const Fits fits = fit(poses, Alignment::proper);
      CAPTURE(points, count);
      for (std::size_t i = 0; i < poses.target.size(); ++i)
        REQUIRE(std::abs(fits.aligned[i] - poses.target[i]) < 2e-6);  // the source's own rounding
      for (int n = 0; n < count; ++n) REQUIRE(fits.pa_epe[n] < 1e-6);
    }
}

TEST_CASE("procrustes equals Horn's quaternions", "[procrustes]") {
  const Scene scenes[] = {{.noise = 0.01f},
                          {.flatness = 1e-3f, .noise = 1e-3f},
                          {.mirror = true},
                          {.flatness = 0.05f, .noise = 2e-3f, .mirror = true},
                          {.noise = 0.1f}};
  for (const Scene& scene : scenes)
    for (const Alignment rule : {Alignment::proper, Alignment::freihand}) {
      const Poses poses = make_poses(scene, 3);
      const Fits fits = fit(poses, rule);
      for (int n = 0; n < poses.count; ++n) {
        CAPTURE(scene.flatness, scene.noise, scene.mirror, int(rule), n);
        const auto source = points_of(poses.source, n, poses.points),
                   target = points_of(poses.target, n, poses.points);
        const ReferenceFit want = horn_fit(source, target, rule == Alignment::freihand);
        REQUIRE(matches(fits, n, poses.points, want));
        REQUIRE(is_orthogonal(rotation_of(fits, n)));
        REQUIRE(is_optimal(source, target, rotation_of(fits, n)));
      }
    }
}

TEST_CASE("a mirrored hand fits only where reflections are allowed", "[procrustes]") {
  const Poses poses = make_poses({.mirror = true}, 4);
  const Fits proper = fit(poses, Alignment::proper), official = fit(poses, Alignment::freihand);
  for (int n = 0; n < poses.count; ++n) {
    REQUIRE(determinant(rotation_of(proper, n)) == Approx(1).margin(1e-5));
    REQUIRE(determinant(rotation_of(official, n)) == Approx(-1).margin(1e-5));
    REQUIRE(proper.pa_epe[n] > 0.005);
    REQUIRE(official.pa_epe[n] < 1e-6);
  }
}

TEST_CASE("hands far from the origin or of any size lose no digits", "[procrustes]") {
  Poses poses = make_poses({.noise = 0.01f}, 5);
  const Fits near = fit(poses, Alignment::proper);
  SECTION("scale") {
    const float factor = GENERATE(0x1p-60f, 0x1p60f);
    for (float& x : poses.source) x *= factor;
    const Fits fits = fit(poses, Alignment::proper);
    for (int n = 0; n < poses.count; ++n)
      REQUIRE(fits.pa_epe[n] == Approx(near.pa_epe[n]).epsilon(1e-6));
  }
  SECTION("offset") {
    for (float& x : poses.source) x += 100;
    const Fits fits = fit(poses, Alignment::proper);
    for (int n = 0; n < poses.count; ++n) {
      const ReferenceFit want =
          horn_fit(points_of(poses.source, n, kJoints), points_of(poses.target, n, kJoints), false);
      REQUIRE(fits.pa_epe[n] == Approx(want.error).epsilon(1e-6));
    }
  }
}

TEST_CASE("procrustes answers what is no hand", "[procrustes]") {
  const Alignment rule = GENERATE(Alignment::proper, Alignment::freihand);
  Poses poses = make_poses({.count = 9, .noise = 0.01f}, 6);
  auto source = [&](int pose, int joint) { return &poses.source[3 * (pose * kJoints + joint)]; };
  const Fits before = fit(poses, rule);
  for (int j = 0; j < kJoints; ++j)
    for (int c = 0; c < 3; ++c) {
      source(1, j)[c] = 0;                                     // the zero predictor
      source(3, j)[c] = 0.25f * (c + 1);                       // one point
      source(5, j)[c] = 0x1p-6f * static_cast<float>(j << c);  // exactly on a line
    }
  source(7, 4)[1] = std::numeric_limits<float>::quiet_NaN();
  const Fits fits = fit(poses, rule);
  for (const int n : {1, 3, 5}) REQUIRE(is_orthogonal(rotation_of(fits, n)));
  for (const int n : {1, 3}) {
    double spread = 0;  // mean distance from the target's own mean
    const auto target = points_of(poses.target, n, kJoints);
    Double3 mean{};
    for (const auto& p : target)
      for (int c = 0; c < 3; ++c) mean[c] += p[c] / kJoints;
    for (const auto& p : target)
      spread += std::hypot(p[0] - mean[0], p[1] - mean[1], p[2] - mean[2]) / kJoints;
    REQUIRE(fits.scale[n] == 0);
    REQUIRE(fits.pa_epe[n] == Approx(spread).epsilon(1e-6));
  }
  REQUIRE(is_optimal(points_of(poses.source, 5, kJoints), points_of(poses.target, 5, kJoints),
                     rotation_of(fits, 5)));
  REQUIRE(std::isnan(fits.pa_epe[7]));
  for (const int n : {0, 2, 4, 6, 8})
    REQUIRE(fits.pa_epe[n] == before.pa_epe[n]);  // neighbours in the lanes
}

TEST_CASE("procrustes does not depend on threads, or on a pose's place", "[procrustes]") {
  const Poses poses = make_poses({.count = 3001, .noise = 0.01f}, 7);
  set_threads(1);
  const Fits one = fit(poses, Alignment::freihand);
  set_threads(3);
  const Fits three = fit(poses, Alignment::freihand);
  set_threads(0);
  REQUIRE(std::memcmp(one.aligned.data(), three.aligned.data(),
                      one.aligned.size() * sizeof(float)) == 0);
  REQUIRE(std::memcmp(one.pa_epe.data(), three.pa_epe.data(), one.pa_epe.size() * sizeof(float)) ==
          0);
  Poses rest{poses.count - 5, poses.points, {}, {}};
  rest.source.assign(poses.source.begin() + 5 * 63, poses.source.end());
  rest.target.assign(poses.target.begin() + 5 * 63, poses.target.end());
  const Fits shifted = fit(rest, Alignment::freihand);
  for (int n = 0; n < rest.count; ++n) REQUIRE(shifted.pa_epe[n] == one.pa_epe[n + 5]);
}

TEST_CASE("the checkers see a planted fault", "[procrustes]") {
  const Poses poses = make_poses({.count = 1, .noise = 0.01f}, 8);
  const auto source = points_of(poses.source, 0, kJoints),
             target = points_of(poses.target, 0, kJoints);
  const ReferenceFit want = horn_fit(source, target, false);
  Fits fits = fit(poses, Alignment::proper);
  REQUIRE(matches(fits, 0, kJoints, want));
  SECTION("a transposed rotation") {
    std::swap(fits.rotation[1], fits.rotation[3]);
    REQUIRE_FALSE(matches(fits, 0, kJoints, want));
    REQUIRE_FALSE(is_orthogonal(rotation_of(fits, 0)));
  }
  SECTION("a turn of a twentieth of a degree") {
    Double9 turned = rotation_of(fits, 0);
    for (int k = 0; k < 3; ++k) turned[3 * k] += 1e-3 * turned[3 * k + 1];
    REQUIRE_FALSE(is_optimal(source, target, turned));
  }
  SECTION("a NaN") {
    fits.pa_epe[0] = std::numeric_limits<float>::quiet_NaN();
    REQUIRE_FALSE(matches(fits, 0, kJoints, want));
  }
}
