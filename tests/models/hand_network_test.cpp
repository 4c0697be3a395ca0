// SPDX-License-Identifier: Apache-2.0
// The hand network's gradients, from both losses through the lift to 2.5D and the refinement of the
// root depth, against differences of the same computation in double; and what reaches its weights.
#include "models/hand_network.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "kernels/joints.h"
#include "tests/support/files.h"
#include "tests/support/gradient_check.h"
#include "tests/support/pose_reference.h"
#include "tests/support/training.h"
#include "tests/support/values.h"

namespace peclr {
namespace {

using namespace test;

constexpr std::int64_t kBatch = 6, kHead = 64, kHidden = 16;
constexpr std::size_t kHandJoints = 21;
constexpr float kSlope = 0.01f;

// What both computations start from. Cameras turn and shear, as K' = T K of an augmentation does.
struct Batch {
  Doubles raw, cameras, weights;  // weights: of the refinement, in the order of the store
  Doubles uv, z_rel, root, xyz;   // targets

  Batch() {
    raw = random_values(kBatch * kHead, 1);
    for (std::size_t n = 0; n < kBatch; ++n) {
      double* hand = raw.data() + n * kHead;
      for (std::size_t j = 0; j < kHandJoints; ++j)
        for (std::size_t k = 0; k < 2; ++k) hand[3 * j + k] = 64 + 30 * hand[3 * j + k];
      // The reference bone is 13 to 17 px long: about ten bone lengths away.
      for (const std::size_t k : {0, 1})
        hand[3 * kAitMiddlePip + k] =
            hand[3 * kAitMiddleMcp + k] + 9 + static_cast<double>(n + k) / 2;
      hand[3 * kAitMiddlePip + 2] = hand[3 * kAitMiddleMcp + 2] + 0.25;
      const double f = 140 + 5 * static_cast<double>(n);
      for (const double value : {f, 0.1 * f, 60.0, -0.1 * f, 1.1 * f, 66.0, 0.0, 0.0, 1.0})
        cameras.push_back(static_cast<float>(value));
    }
    for (double& v : raw) v = static_cast<float>(v);
    weights = random_values(kHidden * kHead + 3 * kHidden + kHidden + 1, 2, -0.3f, 0.3f);
    uv = random_values(kBatch * 42, 3, 0, 128);
    z_rel = random_values(kBatch * 21, 4);
    root = random_values(kBatch, 5, 5, 20);
    xyz = random_values(kBatch * 63, 6, -5, 12);
  }
};

enum class Loss { joints, parts };

struct Refinement {
  ParameterStore store;
  LinearLayer hidden = add_linear(store, "0", kHidden, kHead, Bias::learned);
  ops::NormLayer norm = add_norm(store, "1", kHidden);
  LinearLayer residual = add_linear(store, "3", 1, kHidden, Bias::learned);
};

struct Gradients {
  double loss;
  Doubles raw, weights;
};

Gradients by_engine(const Batch& in, Loss which) {
  const auto backend = new_device();
  Refinement net;
  net.store.allocate(*backend, 1);
  std::size_t at = 0;
  for (Parameter& p : net.store.parameters()) {
    const auto from = in.weights.begin() + static_cast<std::ptrdiff_t>(at);
    set_values(net.store, p, Doubles(from, from + p.shape.count()));
    at += static_cast<std::size_t>(p.shape.count());
  }
  Tape tape(Mode::train);
  const Variable raw = tape.input(plain(*backend, {kBatch, kHead}, in.raw));
  const auto lifted = ops::pose_lift(tape, raw, plain(*backend, {kBatch, 9}, in.cameras));
  const Variable hidden =
      ops::norm_act(tape, apply(tape, net.hidden, lifted.mlp_input), net.norm, {.slope = kSlope});
  const Variable root =
      ops::refine_root(tape, lifted.root_depth, apply(tape, net.residual, hidden));
  Variable loss;
  if (which == Loss::joints) {
    const Variable xyz = ops::pose_recover(tape, lifted.h, lifted.z_rel, root);
    loss = ops::mean_absolute_loss(tape, xyz, plain(*backend, {kBatch, 21, 3}, in.xyz));
  } else {
    loss = ops::pose_loss(
               tape, lifted.uv, lifted.z_rel, root,
               {plain(*backend, {kBatch, 21, 2}, in.uv), plain(*backend, {kBatch, 21}, in.z_rel),
                plain(*backend, {kBatch}, in.root)})
               .loss;
  }
  tape.backward(loss);
  Gradients out{host(loss.value)[0], host(tape.gradient(raw)), {}};
  for (const Parameter& p : net.store.parameters()) {
    const Doubles g = host(p.grad);
    out.weights.insert(out.weights.end(), g.begin(), g.end());
  }
  return out;
}

// The larger Z with |p (zp + Z) - q (zq + Z)| = 1: a Z^2 + 2 b Z + c = 0 with a = |d|^2, b = d . e,
// c = |e|^2 - 1, d = p - q, e = p zp - q zq.
double root_depth(const Double3& p, double zp, const Double3& q, double zq) {
  double a = 0, b = 0, c = -1;
  for (std::size_t k = 0; k < 3; ++k) {
    const double d = p[k] - q[k], e = p[k] * zp - q[k] * zq;
    a += d * d, b += d * e, c += e * e;
  }
  return (-b + std::sqrt(b * b - a * c)) / a;
}

struct Lifted {
  Doubles uv, z_rel, h, root;
};
Lifted lift(const Batch& in, const Doubles& raw) {
  Lifted out;
  for (std::size_t n = 0; n < kBatch; ++n) {
    Double9 K;
    for (std::size_t k = 0; k < 9; ++k) K[k] = in.cameras[9 * n + k];
    std::vector<Double3> rays;
    Doubles z;
    for (std::size_t j = 0; j < kHandJoints; ++j) {
      const double* joint = raw.data() + n * kHead + 3 * j;
      out.uv.insert(out.uv.end(), {joint[0], joint[1]});
      rays.push_back(reference_ray(K, joint[0], joint[1]));
      out.h.insert(out.h.end(), {rays.back()[0], rays.back()[1]});
      z.push_back(j == 0 ? 0 : joint[2]);  // the palm
    }
    out.z_rel.insert(out.z_rel.end(), z.begin(), z.end());
    out.root.push_back(
        root_depth(rays[kAitMiddleMcp], z[kAitMiddleMcp], rays[kAitMiddlePip], z[kAitMiddlePip]));
  }
  return out;
}

// The loss in double. `detached`: the quadratic's root depth of the unchanged input; empty: of this
// one.
double by_reference(const Batch& in, Loss which, const Doubles& raw, const Doubles& weights,
                    const Doubles& detached) {
  const Lifted lifted = lift(in, raw);
  const Doubles& depth = detached.empty() ? lifted.root : detached;
  Doubles input;
  for (std::size_t n = 0; n < kBatch; ++n) {
    for (std::size_t k = 0; k < 21; ++k) input.push_back(lifted.z_rel[21 * n + k]);
    for (std::size_t k = 0; k < 42; ++k) input.push_back(lifted.h[42 * n + k]);
    input.push_back(depth[n]);
  }
  auto next = weights.begin();
  const auto take = [&](std::int64_t n) {
    const Doubles part(next, next + n);
    next += n;
    return part;
  };
  const Doubles w = take(kHidden * kHead), b = take(kHidden);
  Doubles x = reference_linear({kBatch, kHead, kHidden}, input, w, b);
  const Doubles gamma = take(kHidden), beta = take(kHidden);
  x = reference_norm_act({kBatch, kHidden, double(kSlope)}, {gamma, beta}, x, {});
  const Doubles w2 = take(kHidden), b2 = take(1);
  Doubles root = reference_linear({kBatch, kHidden, 1}, x, w2, b2);
  double uv = 0, z = 0, depth_loss = 0, joints = 0;
  for (std::size_t n = 0; n < kBatch; ++n) {
    root[n] += depth[n];
    depth_loss += std::abs(root[n] - in.root[n]);
    for (std::size_t j = 21 * n; j < 21 * (n + 1); ++j) {
      const double Z = lifted.z_rel[j] + root[n];
      const double point[] = {lifted.h[2 * j] * Z, lifted.h[2 * j + 1] * Z, Z};
      for (std::size_t k = 0; k < 3; ++k) joints += std::abs(point[k] - in.xyz[3 * j + k]);
      for (std::size_t k = 2 * j; k < 2 * j + 2; ++k) uv += std::abs(lifted.uv[k] - in.uv[k]);
      z += std::abs(lifted.z_rel[j] - in.z_rel[j]);
    }
  }
  if (which == Loss::joints) return joints / (kBatch * 63);
  return uv / (kBatch * 42) + 5 * z / (kBatch * 21) + depth_loss / kBatch;
}

TEST_CASE("hand network: both losses' gradients are differences with the root depth detached",
          "[hand]") {
  const Batch in;
  const Lifted lifted = lift(in, in.raw);
  for (std::size_t n = 0; n < kBatch; ++n) CHECK((lifted.root[n] > 5 && lifted.root[n] < 20));
  for (const Loss which : {Loss::joints, Loss::parts}) {
    CAPTURE(which == Loss::joints);
    const Gradients got = by_engine(in, which);
    CHECK(got.loss == Approx(by_reference(in, which, in.raw, in.weights, {})).epsilon(1e-5));
    const auto of_raw = [&](const Doubles& raw) {
      return by_reference(in, which, raw, in.weights, lifted.root);
    };
    const auto of_weights = [&](const Doubles& weights) {
      return by_reference(in, which, in.raw, weights, lifted.root);
    };
    const GradientReport raw = check_gradient(of_raw, in.raw, got.raw);
    const GradientReport weights =
        check_gradient(of_weights, in.weights, got.weights, {.step = 1e-4, .samples = 211});
    INFO(raw.text() << "\n" << weights.text());
    CHECK(raw.relative() < 1e-5);
    CHECK(raw.kinks < 20);
    CHECK(weights.relative() < 1e-4);
    CHECK(weights.kinks < 20);
    // Were the root depth not detached, the bone's joints would feel it.
    const auto attached = [&](const Doubles& at) {
      return by_reference(in, which, at, in.weights, {});
    };
    CHECK(check_gradient(attached, in.raw, got.raw).relative() > 1e-2);
    // Planted fault: the palm's depth, which is zero by definition, given a gradient.
    Doubles wrong = got.raw;
    wrong[2] += 0.01 * raw.scale;
    CHECK(check_gradient(of_raw, in.raw, wrong).relative() > 1e-3);
  }
}

TEST_CASE("hand network: joints in space are rays times depths", "[hand]") {
  const Threads guard(1);
  const auto backend = new_device();
  ParameterStore store;
  const HandNetwork model(store, 18);
  store.allocate(*backend, 1);
  const Tensor images = plain(*backend, {2, 64, 64, 3}, random_values(2 * 64 * 64 * 3, 1));
  const Doubles K{80, 3, 32, -2, 90, 30, 0, 0, 1, 70, 0, 31, 0, 70, 33, 0, 0, 1};
  Tape tape(Mode::evaluate);
  const auto out = model.forward(tape, {images}, plain(*backend, {2, 9}, K), DType::f32);
  const Variable xyz = model.recover(tape, out);
  CHECK(out.lifted.uv.value.shape() == Shape{2, 21, 2});
  CHECK(out.root.value.shape() == Shape{2});
  REQUIRE(xyz.value.shape() == Shape{2, 21, 3});
  const Doubles points = host(xyz.value), uv = host(out.lifted.uv.value);
  const Doubles z = host(out.lifted.z_rel.value), root = host(out.root.value);
  Doubles want;
  for (std::size_t i = 0; i < 42; ++i) {
    Double9 camera;
    for (std::size_t k = 0; k < 9; ++k) camera[k] = K[i / 21 * 9 + k];
    const Double3 ray = reference_ray(camera, uv[2 * i], uv[2 * i + 1]);
    for (std::size_t k = 0; k < 3; ++k) want.push_back(ray[k] * (z[i] + root[i / 21]));
  }
  CHECK(worst_over(points, want, Doubles(want.size(), 1e-4)) < 1);
}

TEST_CASE("hand network: weights for pictures of another size say the same joints in space",
          "[hand]") {
  const Threads guard(1);
  const auto backend = new_device();
  ParameterStore store;
  const HandNetwork model(store, 18);
  store.allocate(*backend, 1);
  Doubles bias = random_values(kHead, 5, -0.5f, 0.5f);
  for (std::size_t j = 0; j < kHandJoints; ++j) bias[3 * j] *= 40, bias[3 * j + 1] *= 40;
  model.head().bias->value.copy_from_host(std::vector<float>(bias.begin(), bias.end()));
  store.values_changed();
  const Tensor images = plain(*backend, {2, 64, 64, 3}, random_values(2 * 64 * 64 * 3, 1));
  const auto joints = [&](const Doubles& K) {
    Tape tape(Mode::evaluate);
    const auto out = model.forward(tape, {images}, plain(*backend, {2, 9}, K), DType::f32);
    return host(model.recover(tape, out).value);
  };
  const Doubles K{80, 3, 32, -2, 90, 30, 0, 0, 1, 70, 0, 31, 0, 70, 33, 0, 0, 1};
  const Doubles before = joints(K);
  model.resize_pixels(store, 64, 96);
  // A pixel's edges are what scales; its centre is half a pixel from the first.
  Doubles larger = K, planted = K;
  for (std::size_t i = 0; i < 18; ++i) {
    if (i % 9 >= 6) continue;
    larger[i] *= 1.5, planted[i] *= 1.5;
    if (i % 3 == 2) larger[i] += 0.5 * 1.5 - 0.5;
  }
  const Doubles tolerance(before.size(), 2e-3);
  CHECK(worst_over(joints(larger), before, tolerance) < 1);
  CHECK(worst_over(joints(planted), before, tolerance) > 1);
  CHECK(worst_over(joints(K), before, tolerance) > 1);
}

TEST_CASE("pose_recover: rays, depths or roots of other shapes are named", "[hand]") {
  const auto backend = new_device();
  const auto recovering = [&](const Shape& h, const Shape& z_rel, const Shape& root) {
    const auto input = [&](const Shape& s) {
      return Variable{plain(*backend, s, Doubles(static_cast<std::size_t>(s.count()), 1))};
    };
    return caught([&] {
      Tape tape(Mode::evaluate);
      ops::pose_recover(tape, input(h), input(z_rel), input(root));
    });
  };
  CHECK(recovering({2, 21, 2}, {2, 21}, {2}).kind == 0);
  CHECK(recovering({2, 21, 1}, {2, 21}, {2}).names("h [2, 21, 1]"));
  CHECK(recovering({2, 20, 2}, {2, 21}, {2}).names("h [2, 20, 2]"));
  CHECK(recovering({2, 42}, {2, 21}, {2}).names("h [2, 42]"));
  CHECK(recovering({2, 21, 2}, {2, 20}, {2}).names("z_rel [2, 20]"));
  CHECK(recovering({2, 21, 2}, {2, 21}, {3}).names("root [3]"));
}

TEST_CASE("hand network: the loss reaches every weight but those of numbers nobody reads",
          "[hand]") {
  const Threads guard(1);
  const auto backend = new_device();
  HandTraining training(*backend, {});
  Tape tape(Mode::train);
  const auto out = training.model.forward(tape, {training.images}, training.cameras, DType::f32);
  tape.backward(
      ops::pose_loss(tape, out.lifted.uv, out.lifted.z_rel, out.root, training.target).loss);
  for (const Parameter& p : training.store.parameters()) {
    CAPTURE(p.name);
    double largest = 0;
    for (const double g : host(p.grad)) {
      if (!std::isfinite(g)) FAIL("a gradient is not finite");
      largest = std::max(largest, std::abs(g));
    }
    CHECK(p.has_grad);
    CHECK(largest > 0);
  }
  const Doubles g = host(training.model.head().weight->grad);
  for (std::size_t i = 0; i < g.size(); ++i)
    if ((i / 512 == 2 || i / 512 == 63) && g[i] != 0) FAIL("row " << i / 512 << " has a gradient");
}

TEST_CASE("training: a few steps lower the loss of both models", "[hand]") {
  const Threads guard(1);
  const auto backend = new_device();
  HandTraining hands(*backend, {});
  ContrastiveTraining pictures(*backend, {});
  std::vector<float> hand_losses, picture_losses;
  for (std::int64_t i = 0; i < 5; ++i) {
    hand_losses.push_back(hands.step(i));
    picture_losses.push_back(pictures.step(i));
  }
  CHECK(hand_losses.back() < hand_losses.front());
  CHECK(picture_losses.back() < picture_losses.front());
}

}  // namespace
}  // namespace peclr
