// SPDX-License-Identifier: Apache-2.0
// Joint orders, 2.5D and back, and the hand network's head: cofactors, bisection and finite
// differences are the judges.
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "data/label.h"
#include "engine/cpu/hot/pose.h"
#include "engine/parallel.h"
#include "kernels/joints.h"
#include "kernels/pose25d.h"
#include "kernels/random.h"
#include "tests/support/compare.h"
#include "tests/support/pose_reference.h"

using namespace peclr;
using namespace peclr::test;

namespace {

// A hand about 40 cm before the camera, FreiHAND's order and metres; K turned as an augmentation
// turns it.
HandLabel make_label(std::uint64_t seed) {
  Rng rng = Rng::of(seed, 21);
  HandLabel label;
  const float angle = rng.uniform(-0.7f, 0.7f), f = rng.uniform(300, 600);
  label.K.m[0] = f * std::cos(angle);
  label.K.m[1] = -1.01f * f * std::sin(angle);
  label.K.m[2] = 112;
  label.K.m[3] = f * std::sin(angle);
  label.K.m[4] = 1.01f * f * std::cos(angle);
  label.K.m[5] = 100;
  for (auto& p : label.xyz)
    p = {rng.uniform(-0.1f, 0.1f), rng.uniform(-0.1f, 0.1f), 0.4f + rng.uniform(-0.05f, 0.05f)};
  label.xyz[10] = {label.xyz[9].x + 0.02f, label.xyz[9].y + 0.015f, label.xyz[9].z - 0.01f};
  label.scale = std::hypot(0.02f, 0.015f, 0.01f);
  return label;
}

Double9 doubles(const float* K) {
  Double9 out;
  for (int i = 0; i < 9; ++i) out[i] = K[i];
  return out;
}

// A batch for the head: raw numbers of real hands, with a little noise.
struct Head {
  std::int64_t batch;
  std::vector<float> raw, K;
  std::vector<float> uv, z_rel, h, root, mlp;

  explicit Head(std::int64_t count) : batch(count) {
    for (std::int64_t n = 0; n < batch; ++n) {
      const HandLabel label = make_label(100 + n);
      const PoseTarget target = pose_target(label.xyz.data(), label.scale, label.K);
      Rng rng = Rng::of(n, 22);
      for (int j = 0; j < kJoints; ++j) {
        raw.push_back(target.uv[j].x + rng.uniform(-1, 1));
        raw.push_back(target.uv[j].y + rng.uniform(-1, 1));
        raw.push_back(target.z_rel[j] + rng.uniform(-0.1f, 0.1f));
      }
      raw.push_back(rng.uniform(-1, 1));
      K.insert(K.end(), label.K.m, label.K.m + 9);
    }
    lift();
  }

  void lift() {
    uv.resize(42 * batch), z_rel.resize(21 * batch), h.resize(42 * batch), root.resize(batch),
        mlp.resize(64 * batch);
    pose_lift(raw.data(), K.data(), batch,
              {uv.data(), z_rel.data(), h.data(), root.data(), mlp.data()});
  }
};

std::vector<float> random_vector(std::size_t n, std::uint64_t seed) {
  Rng rng = Rng::of(seed, 23);
  std::vector<float> v(n);
  for (float& x : v) x = rng.uniform(-1, 1);
  return v;
}

double inner(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += double(a[i]) * b[i];
  return sum;
}

// Central differences of a function that is linear or quadratic in each number, so that a wide step
// is exact.
std::vector<double> differences(std::vector<float>& x, float step,
                                const std::function<double()>& value) {
  std::vector<double> gradient;
  for (float& number : x) {
    const float kept = number;
    number = kept + step;
    const float up = number;
    const double above = value();
    number = kept - step;
    const double below = value();
    gradient.push_back((above - below) / (double(up) - number));
    number = kept;
  }
  return gradient;
}

}  // namespace

TEST_CASE("AIT's and FreiHAND's joint orders are each other's inverse", "[joints]") {
  for (int j = 0; j < kJoints; ++j) {
    REQUIRE(freihand_from_ait(ait_from_freihand(j)) == j);
    REQUIRE(ait_from_freihand(freihand_from_ait(j)) == j);
  }
  // Written out from the descriptions of both data sets.
  const int freihand_of[] = {0, 1, 5,  9,  13, 17, 2, 6,  10, 14, 18,
                             3, 7, 11, 15, 19, 4,  8, 12, 16, 20};
  for (int j = 0; j < kJoints; ++j) REQUIRE(freihand_from_ait(j) == freihand_of[j]);
  REQUIRE(freihand_from_ait(kAitMiddleMcp) == kMiddleMcp);
  REQUIRE(freihand_from_ait(kAitMiddlePip) == kMiddlePip);
}

TEST_CASE("every finger hangs on the wrist by four bones", "[joints]") {
  REQUIRE(freihand_parent(0) == -1);
  for (int j = 1; j < kJoints; ++j) {
    int steps = 0;
    for (int at = j; at != kWrist; at = freihand_parent(at)) {
      REQUIRE(freihand_finger(at) == freihand_finger(j));
      ++steps;
    }
    REQUIRE(steps == (j - 1) % 4 + 1);
  }
}

TEST_CASE("rays are K^-1 (u, v, 1), also of a turned camera", "[pose25d]") {
  for (int seed = 0; seed < 20; ++seed) {
    const HandLabel label = make_label(seed);
    const double u = 10.0 * seed, v = 224 - 7.0 * seed;
    const Double3 want = reference_ray(doubles(label.K.m), u, v);
    const Point2 ray = back_project(label.K.m, {u, v});
    REQUIRE(ray.x == Approx(want[0]).margin(1e-12));
    REQUIRE(ray.y == Approx(want[1]).margin(1e-12));
    const Point2 pixel = project_point(label.K.m, 3 * ray.x, 3 * ray.y, 3);
    REQUIRE(pixel.x == Approx(u).margin(1e-9));
    REQUIRE(pixel.y == Approx(v).margin(1e-9));
  }
}

TEST_CASE("the quadratic finds where the bone has length 1", "[pose25d]") {
  for (int seed = 0; seed < 50; ++seed) {
    Rng rng = Rng::of(seed, 24);
    const double px = rng.uniform(-0.3f, 0.3f), py = rng.uniform(-0.3f, 0.3f);
    const double qx = px + 0.08, qy = py + rng.uniform(-0.1f, 0.1f);
    const double zp = rng.uniform(-0.5f, 0.5f), zq = zp + rng.uniform(-0.6f, 0.6f);
    const double want = reference_root_depth({px, py, 1}, zp, {qx, qy, 1}, zq);
    REQUIRE(root_depth_of_bone({px, py}, zp, {qx, qy}, zq) == Approx(want).epsilon(1e-9));
  }
}

TEST_CASE("the quadratic's floors hold where there is no answer", "[pose25d]") {
  // Both ends in one pixel: a = b = 0, c = -1, so sqrt(1e-8) / (2e-8).
  REQUIRE(root_depth_of_bone({0.1, 0.1}, 0.2, {0.1, 0.1}, 0.2) == Approx(5000));
  // Ends 1e-3 apart: a = 1e-6 is above the floor, c = -1, so 1 / 1e-3.
  REQUIRE(root_depth_of_bone({1e-3, 0}, 0, {0, 0}, 0) == Approx(1000));
  // Ends 2 bone lengths apart in depth: the discriminant is negative, the depth is -b / 2 a and a
  // little.
  REQUIRE(root_depth_of_bone({0.1, 0}, 0, {0, 0}, 2) == Approx(1e-4 / 0.02));
  REQUIRE(std::isnan(root_depth_of_bone({NAN, 0}, 0, {0, 0}, 0)));
  REQUIRE(clamp_root_depth(3) == 4);
  REQUIRE(clamp_root_depth(7.5) == 7.5);
  REQUIRE(clamp_root_depth(51) == 50);
  REQUIRE(std::isnan(clamp_root_depth(NAN)));
}

TEST_CASE("targets are palm-rooted, in AIT's order and bone lengths, and lead back to the label",
          "[pose25d]") {
  const HandLabel label = make_label(1);
  const PoseTarget target = pose_target(label.xyz.data(), label.scale, label.K);
  const double palm_z = 0.5 * (double(label.xyz[0].z) + label.xyz[9].z);
  REQUIRE(target.z_rel[0] == 0);
  REQUIRE(target.root_depth == Approx(palm_z / label.scale));
  REQUIRE(target.z_rel[20] == Approx((label.xyz[20].z - palm_z) / label.scale).epsilon(1e-5));
  REQUIRE(target.z_rel[6] == Approx((label.xyz[2].z - palm_z) / label.scale).epsilon(1e-5));

  float xyz[63];  // the perfect network's answer
  for (int j = 0; j < kJoints; ++j) {
    const Double3 ray = reference_ray(doubles(label.K.m), target.uv[j].x, target.uv[j].y);
    for (int c = 0; c < 3; ++c)
      xyz[3 * j + c] = static_cast<float>(ray[c] * (double(target.z_rel[j]) + target.root_depth));
  }
  Vec3f joints[kJoints];
  freihand_from_network(xyz, label.scale, joints);
  for (int j = 0; j < kJoints; ++j) {
    REQUIRE(joints[j].x == Approx(label.xyz[j].x).margin(2e-6));
    REQUIRE(joints[j].y == Approx(label.xyz[j].y).margin(2e-6));
    REQUIRE(joints[j].z == Approx(label.xyz[j].z).margin(2e-6));
  }
}

TEST_CASE("pose_lift gives rays, relative depth and root depth", "[pose]") {
  Head head(5);
  for (std::int64_t n = 0; n < head.batch; ++n) {
    const Double9 K = doubles(&head.K[9 * n]);
    const float* raw = &head.raw[64 * n];
    for (int j = 0; j < kJoints; ++j) {
      const Double3 ray = reference_ray(K, raw[3 * j], raw[3 * j + 1]);
      const std::int64_t at = 21 * n + j;
      REQUIRE(head.uv[2 * at] == raw[3 * j]);
      REQUIRE(head.uv[2 * at + 1] == raw[3 * j + 1]);
      REQUIRE(head.z_rel[at] == (j == 0 ? 0 : raw[3 * j + 2]));
      REQUIRE(head.h[2 * at] == Approx(ray[0]).margin(1e-6));
      REQUIRE(head.h[2 * at + 1] == Approx(ray[1]).margin(1e-6));
      REQUIRE(head.mlp[64 * n + j] == head.z_rel[at]);
      REQUIRE(head.mlp[64 * n + 21 + 2 * j] == head.h[2 * at]);
      REQUIRE(head.mlp[64 * n + 22 + 2 * j] == head.h[2 * at + 1]);
    }
    const double root = reference_root_depth(reference_ray(K, raw[9], raw[10]), raw[11],
                                             reference_ray(K, raw[24], raw[25]), raw[26]);
    REQUIRE(head.root[n] == Approx(root).epsilon(1e-5));
    REQUIRE(head.mlp[64 * n + 63] == head.root[n]);
  }
  head.raw[9] = head.raw[24] = 50, head.raw[10] = head.raw[25] = 60;  // no bone to see: clamped
  head.lift();
  REQUIRE(head.root[0] == 50);
}

TEST_CASE("pose_lift's gradient agrees with differences, the root depth is detached", "[pose]") {
  Head head(3);
  const auto g_uv = random_vector(42 * 3, 1), g_z = random_vector(21 * 3, 2),
             g_h = random_vector(42 * 3, 3);
  auto g_mlp = random_vector(64 * 3, 4);
  std::vector<float> gradient(64 * 3, NAN);
  SECTION("all at once") {
    pose_lift_backward(head.K.data(), 3, {g_uv.data(), g_z.data(), g_h.data(), g_mlp.data()},
                       gradient.data());
    for (int n = 0; n < 3; ++n) g_mlp[64 * n + 63] = 0;
    const auto want = differences(head.raw, 0.5f, [&] {
      head.lift();
      return inner(head.uv, g_uv) + inner(head.z_rel, g_z) + inner(head.h, g_h) +
             inner(head.mlp, g_mlp);
    });
    REQUIRE(relative_l2(gradient.data(), want.data(), want.size()) < 1e-5);
    gradient[70] += 0.1f;
    REQUIRE(relative_l2(gradient.data(), want.data(), want.size()) >
            1e-4);  // the checker sees a wrong one
  }
  SECTION("one at a time") {
    const int which = GENERATE(0, 1, 2, 3, 4);
    PoseLiftGradients in;
    if (which == 0) in.uv = g_uv.data();
    if (which == 1) in.z_rel = g_z.data();
    if (which == 2) in.h = g_h.data();
    if (which == 3) in.mlp_input = g_mlp.data();
    pose_lift_backward(head.K.data(), 3, in, gradient.data());
    for (int n = 0; n < 3; ++n) g_mlp[64 * n + 63] = 0;
    const auto want = differences(head.raw, 0.5f, [&] {
      head.lift();
      return which == 0   ? inner(head.uv, g_uv)
             : which == 1 ? inner(head.z_rel, g_z)
             : which == 2 ? inner(head.h, g_h)
             : which == 3 ? inner(head.mlp, g_mlp)
                          : 0;
    });
    REQUIRE(relative_l2(gradient.data(), want.data(), want.size()) < 2e-5);
  }
}

TEST_CASE("pose_recover and its gradient", "[pose]") {
  Head head(3);
  std::vector<float> refined = head.root, xyz(63 * 3);
  refined[1] += 0.5f;
  pose_recover({head.h.data(), head.z_rel.data(), refined.data()}, 3, xyz.data());
  REQUIRE(xyz[63 + 3 * 7 + 2] == head.z_rel[21 + 7] + refined[1]);
  REQUIRE(xyz[63 + 3 * 7] == Approx(head.h[2 * (21 + 7)] * xyz[63 + 3 * 7 + 2]));
  REQUIRE(xyz[63 + 3 * 7 + 1] == Approx(head.h[2 * (21 + 7) + 1] * xyz[63 + 3 * 7 + 2]));

  const auto g = random_vector(63 * 3, 5);
  std::vector<float> g_h(42 * 3), g_z(21 * 3), g_root(3);
  pose_recover_backward({head.h.data(), head.z_rel.data(), refined.data()}, g.data(), 3,
                        {g_h.data(), g_z.data(), g_root.data()});
  const auto value = [&] {
    pose_recover({head.h.data(), head.z_rel.data(), refined.data()}, 3, xyz.data());
    return inner(xyz, g);
  };
  REQUIRE(relative_l2(g_h.data(), differences(head.h, 0.5f, value).data(), g_h.size()) < 1e-5);
  REQUIRE(relative_l2(g_z.data(), differences(head.z_rel, 0.5f, value).data(), g_z.size()) < 1e-5);
  REQUIRE(relative_l2(g_root.data(), differences(refined, 0.5f, value).data(), 3) < 1e-5);
}

TEST_CASE("pose_loss is pixels + 5 relative depth + root depth, each a mean", "[pose]") {
  const std::int64_t batch = 2;
  std::vector<float> uv(84, 10), z(42, 1), root(2, 8), uv_t(84, 10), z_t(42, 1), root_t(2, 8);
  std::vector<float> g_uv(84, NAN), g_z(42, NAN), g_root(2, NAN);
  uv[3] = 14, uv[80] = 8;  // 4 and 2 px wrong
  z[5] = 0;                // 1 bone length
  root[1] = 8.5f;
  const PoseLoss loss =
      pose_loss({uv.data(), z.data(), root.data()}, {uv_t.data(), z_t.data(), root_t.data()}, batch,
                {g_uv.data(), g_z.data(), g_root.data()});
  REQUIRE(loss.uv == Approx(6.0 / 84));
  REQUIRE(loss.z_rel == Approx(1.0 / 42));
  REQUIRE(loss.root_depth == Approx(0.25));
  REQUIRE(loss.total == Approx(6.0 / 84 + 5.0 / 42 + 0.25));
  for (int i = 0; i < 84; ++i)
    REQUIRE(g_uv[i] == Approx(i == 3 ? 1.0 / 84 : i == 80 ? -1.0 / 84 : 0));
  for (int i = 0; i < 42; ++i) REQUIRE(g_z[i] == Approx(i == 5 ? -5.0 / 42 : 0));
  REQUIRE(g_root[0] == 0);
  REQUIRE(g_root[1] == Approx(0.5));
  uv[7] = NAN;
  REQUIRE(std::isnan(pose_loss({uv.data(), z.data(), root.data()},
                               {uv_t.data(), z_t.data(), root_t.data()}, batch,
                               {g_uv.data(), g_z.data(), g_root.data()})
                         .total));
  REQUIRE(std::isnan(g_uv[7]));
}

TEST_CASE("the mean absolute loss and its gradient", "[pose]") {
  for (const std::size_t n : {1, 15, 16, 63 * 8}) {
    const auto a = random_vector(n, 6), b = random_vector(n, 7);
    std::vector<float> g(n);
    double want = 0;
    for (std::size_t i = 0; i < n; ++i) want += std::abs(double(a[i]) - b[i]) / n;
    REQUIRE(mean_absolute_loss(a.data(), b.data(), n, g.data()) == Approx(want).epsilon(1e-6));
    for (std::size_t i = 0; i < n; ++i) REQUIRE(g[i] == Approx((a[i] > b[i] ? 1.0 : -1.0) / n));
  }
}

TEST_CASE("the head does not depend on threads", "[pose]") {
  set_threads(1);
  Head one(300);
  set_threads(3);
  Head three(300);
  set_threads(0);
  REQUIRE(std::memcmp(one.mlp.data(), three.mlp.data(), one.mlp.size() * sizeof(float)) == 0);
  REQUIRE(std::memcmp(one.root.data(), three.root.data(), one.root.size() * sizeof(float)) == 0);
}
