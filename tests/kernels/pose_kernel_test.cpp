// SPDX-License-Identifier: Apache-2.0
// The head's kernels: the CPU loops, which have oracles of their own (pose25d_test.cpp), say what
// each number must be; here it is whether a kernel puts it in its place, in any batch.
#include <catch2/catch.hpp>
#include <cmath>
#include <vector>

#include "engine/backend.h"
#include "engine/cpu/hot/loops.h"
#include "kernels/pose_kernels.h"
#include "kernels/random.h"
#include "tests/kernels/guarded.h"
#include "tests/simt/orders.h"
#include "tests/support/compare.h"
#include "tests/support/device.h"

namespace peclr::test {
namespace {

using Floats = std::vector<float>;

Floats random_floats(std::size_t n, float low, float high, std::uint64_t seed) {
  Rng rng = Rng::of(71, seed, n);
  Floats v(n);
  for (float& x : v) x = rng.uniform(low, high);
  return v;
}

// Numbers on the device, given or still to come.
struct Numbers : Guarded<float> {
  explicit Numbers(const Floats& values) : Guarded(device(), values) {}
  explicit Numbers(std::int64_t count) : Guarded(device(), static_cast<std::size_t>(count)) {}
};

// Equal but for the rounding of one or two operations.
bool near(const Floats& got, const Floats& want) {
  if (got.size() != want.size()) return false;
  for (std::size_t i = 0; i < got.size(); ++i)
    if (!(std::abs(got[i] - want[i]) <= 1e-6f * (1 + std::abs(want[i])))) return false;
  return true;
}

// What a loss may write beside its results; checks that the next finds the counter at zero.
struct Scratch {
  Guarded<kernels::LossSums> partials{device(), kernels::kLossBlocks};
  Guarded<unsigned> finished{device(), 1};

  operator kernels::LossScratch() const { return {partials.data(), finished.data()}; }
  void check_left() const {
    CHECK(finished.values()[0] == 0);
    static_cast<void>(partials.values());
  }
};

struct Hands {
  std::int64_t batch;
  Floats raw, K;

  explicit Hands(std::int64_t count)
      : batch(count), raw(random_floats(std::size_t(64 * count), 20, 100, 1)) {
    for (std::int64_t n = 0; n < count; ++n) {
      for (int j = 0; j < kJoints; ++j) raw[std::size_t(64 * n + 3 * j + 2)] *= 0.01f;
      const float f = 300 + float(n);
      K.insert(K.end(), {f, 5, 64, -7, f, 60, 0, 0, 1});
    }
  }
};

struct Lifted {
  Floats uv, z_rel, h, root, mlp;
  bool operator==(const Lifted&) const = default;
};

Lifted lift_on_cpu(const Hands& in) {
  const auto n = std::size_t(in.batch);
  Lifted out{Floats(42 * n), Floats(21 * n), Floats(42 * n), Floats(n), Floats(64 * n)};
  loops().pose_lift(
      in.raw.data(), in.K.data(), in.batch,
      {out.uv.data(), out.z_rel.data(), out.h.data(), out.root.data(), out.mlp.data()});
  return out;
}

Lifted lift(const Hands& in) {
  const Numbers raw(in.raw), K(in.K), uv(42 * in.batch), z_rel(21 * in.batch), h(42 * in.batch),
      root(in.batch), mlp(64 * in.batch);
  kernels::pose_lift(raw.data(), K.data(), in.batch,
                     {uv.data(), z_rel.data(), h.data(), root.data(), mlp.data()}, stream());
  return {uv.values(), z_rel.values(), h.values(), root.values(), mlp.values()};
}

const std::int64_t kBatches[] = {1, 3, 4, 5, 33};

}  // namespace

TEST_CASE("pose kernels: the lift", "[kernels][pose]") {
  for (const std::int64_t batch : kBatches) {
    const Hands hands(batch);
    const Lifted got = lift(hands), want = lift_on_cpu(hands);
    CHECK(near(got.uv, want.uv));
    CHECK(near(got.z_rel, want.z_rel));
    CHECK(near(got.h, want.h));
    CHECK(near(got.root, want.root));
    CHECK(near(got.mlp, want.mlp));
    for_each_order([&] { CHECK(lift(hands) == got); });
  }
}

TEST_CASE("pose kernels: the lift's gradient, of all outputs and of each", "[kernels][pose]") {
  for (const std::int64_t batch : kBatches)
    for (int which = 0; which < 5; ++which) {
      const Hands hands(batch);
      const auto n = std::size_t(batch);
      const Floats host[] = {random_floats(42 * n, -1, 1, 2), random_floats(21 * n, -1, 1, 3),
                             random_floats(42 * n, -1, 1, 4), random_floats(64 * n, -1, 1, 5)};
      const Numbers K(hands.K), uv(host[0]), z_rel(host[1]), h(host[2]), mlp(host[3]),
          draw(64 * batch);
      const auto wanted = [&](int k) { return which == 4 || which == k; };
      const PoseLiftGradients on_host{
          wanted(0) ? host[0].data() : nullptr, wanted(1) ? host[1].data() : nullptr,
          wanted(2) ? host[2].data() : nullptr, wanted(3) ? host[3].data() : nullptr};
      const PoseLiftGradients on_device{
          wanted(0) ? uv.data() : nullptr, wanted(1) ? z_rel.data() : nullptr,
          wanted(2) ? h.data() : nullptr, wanted(3) ? mlp.data() : nullptr};
      Floats want(64 * n);
      loops().pose_lift_backward(hands.K.data(), batch, on_host, want.data());
      kernels::pose_lift_backward(K.data(), batch, on_device, draw.data(), stream());
      CAPTURE(batch, which);
      CHECK(near(draw.values(), want));
    }
}

TEST_CASE("pose kernels: recovery and its gradient", "[kernels][pose]") {
  for (const std::int64_t batch : kBatches) {
    const auto n = std::size_t(batch);
    const Floats h = random_floats(42 * n, -1, 1, 6), z = random_floats(21 * n, -1, 1, 7),
                 root = random_floats(n, 4, 20, 8), dxyz = random_floats(63 * n, -1, 1, 9);
    Floats xyz(63 * n), dh(42 * n), dz(21 * n), droot(n);
    loops().pose_recover({h.data(), z.data(), root.data()}, batch, xyz.data());
    loops().pose_recover_backward({h.data(), z.data(), root.data()}, dxyz.data(), batch,
                                  {dh.data(), dz.data(), droot.data()});
    const Numbers h_in(h), z_in(z), root_in(root), dxyz_in(dxyz);
    const PoseRays rays{h_in.data(), z_in.data(), root_in.data()};
    for_each_order([&] {
      const Numbers out(63 * batch), h_out(42 * batch), z_out(21 * batch), root_out(batch);
      kernels::pose_recover(rays, batch, out.data(), stream());
      kernels::pose_recover_backward(rays, dxyz_in.data(), batch,
                                     {h_out.data(), z_out.data(), root_out.data()}, stream());
      CHECK(near(out.values(), xyz));
      CHECK(near(h_out.values(), dh));
      CHECK(near(z_out.values(), dz));
      CHECK(near(root_out.values(), droot));
    });
  }
}

TEST_CASE("pose kernels: mean absolute differences, of any length", "[kernels][pose]") {
  for (const std::int64_t n : {0, 1, 31, 33, 255, 257, 1025, 256 * kernels::kLossBlocks + 77}) {
    Floats a = random_floats(std::size_t(n), -1, 1, 10),
           b = random_floats(std::size_t(n), -1, 1, 11);
    if (n > 0) b[std::size_t(n / 2)] = a[std::size_t(n / 2)];
    double want = 0;
    for (std::size_t i = 0; i < a.size(); ++i) want += std::abs(double(a[i] - b[i])) / double(n);
    const Numbers a_in(a), b_in(b);
    const Scratch scratch;
    Floats first;
    for_each_order([&] {
      const Numbers gradient(n), loss(std::int64_t{1});
      kernels::mean_absolute_loss(a_in.data(), b_in.data(), n, gradient.data(), loss.data(),
                                  scratch, stream());
      scratch.check_left();
      CHECK(loss.values()[0] == Approx(want).epsilon(2e-7).margin(1e-12));
      const Floats g = gradient.values();
      for (std::size_t i = 0; i < g.size(); ++i)
        REQUIRE(g[i] == (a[i] > b[i] ? 1 : a[i] < b[i] ? -1 : 0) * float(1.0 / double(n)));
      if (first.empty()) first = loss.values();
      CHECK(loss.values() == first);
    });
  }
}

TEST_CASE("pose kernels: the 2.5D loss, its parts and its gradient", "[kernels][pose]") {
  const Scratch scratch;
  for (const std::int64_t batch : {1, 5, 130}) {
    const auto n = std::size_t(batch);
    const std::size_t counts[] = {42 * n, 21 * n, n};
    Floats predicted[3], target[3], want_gradient[3];
    for (std::size_t k = 0; k < 3; ++k) {
      predicted[k] = random_floats(counts[k], 0, 100, 12 + k);
      target[k] = random_floats(counts[k], 0, 100, 22 + k);
      want_gradient[k].resize(counts[k]);
    }
    const PoseLoss want = loops().pose_loss(
        {predicted[0].data(), predicted[1].data(), predicted[2].data()},
        {target[0].data(), target[1].data(), target[2].data()}, batch,
        {want_gradient[0].data(), want_gradient[1].data(), want_gradient[2].data()});
    const Numbers p0(predicted[0]), p1(predicted[1]), p2(predicted[2]), t0(target[0]),
        t1(target[1]), t2(target[2]);
    const Floats got = in_every_order([&] {
      const Numbers g0(42 * batch), g1(21 * batch), g2(batch), parts(std::int64_t{kPoseLoss});
      kernels::pose_loss({p0.data(), p1.data(), p2.data()}, {t0.data(), t1.data(), t2.data()},
                         batch, {g0.data(), g1.data(), g2.data()},
                         reinterpret_cast<PoseLoss*>(parts.data()), scratch, stream());
      scratch.check_left();
      CHECK(g0.values() == want_gradient[0]);
      CHECK(g1.values() == want_gradient[1]);
      CHECK(g2.values() == want_gradient[2]);
      return parts.values();
    });
    CHECK(near(got, {want.total, want.uv, want.z_rel, want.root_depth}));
  }
}

TEST_CASE("pose kernels: a NaN is seen, by the kernel and by the checker", "[kernels][pose]") {
  const Numbers a(Floats{1, NAN, 2}), b(Floats{1, 2, 3}), gradient(std::int64_t{3}),
      loss(std::int64_t{1});
  kernels::mean_absolute_loss(a.data(), b.data(), 3, gradient.data(), loss.data(), Scratch(),
                              stream());
  CHECK(std::isnan(loss.values()[0]));
  CHECK(std::isnan(gradient.values()[1]));
  CHECK_FALSE(near(loss.values(), loss.values()));
  CHECK_FALSE(near({1, 2}, {1, 2.001f}));
}

}  // namespace peclr::test
