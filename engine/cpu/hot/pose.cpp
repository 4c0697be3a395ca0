// SPDX-License-Identifier: Apache-2.0
#include "engine/cpu/hot/pose.h"

#include "engine/parallel.h"
#include "kernels/pose25d.h"

PECLR_BEGIN
namespace {

constexpr std::int64_t kGrain = 128;  // samples; a sample is a microsecond
constexpr int kRays = 2 * kJoints;

void lift_sample(const float* raw, const float* K, std::int64_t n, const PoseLift& out) {
  float* uv = out.uv + kRays * n;
  float* z_rel = out.z_rel + kJoints * n;
  float* h = out.h + kRays * n;
  for (int j = 0; j < kJoints; ++j) {
    uv[2 * j] = raw[3 * j];
    uv[2 * j + 1] = raw[3 * j + 1];
    z_rel[j] = j == kPalmNetwork.root ? 0.0f : raw[3 * j + 2];
    const Point2 ray = back_project(K, {uv[2 * j], uv[2 * j + 1]});
    h[2 * j] = static_cast<float>(ray.x);
    h[2 * j + 1] = static_cast<float>(ray.y);
  }
  constexpr int from = kPalmNetwork.from, to = kPalmNetwork.to;
  const Point2 p = back_project(K, {uv[2 * from], uv[2 * from + 1]});
  const Point2 q = back_project(K, {uv[2 * to], uv[2 * to + 1]});
  const auto root =
      static_cast<float>(clamp_root_depth(root_depth_of_bone(p, z_rel[from], q, z_rel[to])));
  out.root_depth[n] = root;

  float* mlp = out.mlp_input + kHeadWidth * n;
  for (int j = 0; j < kJoints; ++j) mlp[j] = z_rel[j];
  for (int i = 0; i < kRays; ++i) mlp[kJoints + i] = h[i];
  mlp[kHeadWidth - 1] = root;
}

void lift_backward_sample(const float* K, std::int64_t n, const PoseLiftGradients& in,
                          float* grad_raw) {
  const float* g_uv = in.uv ? in.uv + kRays * n : nullptr;
  const float* g_z = in.z_rel ? in.z_rel + kJoints * n : nullptr;
  const float* g_h = in.h ? in.h + kRays * n : nullptr;
  const float* g_mlp = in.mlp_input ? in.mlp_input + kHeadWidth * n : nullptr;
  for (int j = 0; j < kJoints; ++j) {
    Point2 ray{0, 0};
    if (g_h) ray = {g_h[2 * j], g_h[2 * j + 1]};
    if (g_mlp) {
      ray.x += g_mlp[kJoints + 2 * j];
      ray.y += g_mlp[kJoints + 2 * j + 1];
    }
    Point2 pixel = back_project_gradient(K, ray);
    if (g_uv) {
      pixel.x += g_uv[2 * j];
      pixel.y += g_uv[2 * j + 1];
    }
    const float z = (g_z ? g_z[j] : 0.0f) + (g_mlp ? g_mlp[j] : 0.0f);
    grad_raw[3 * j] = static_cast<float>(pixel.x);
    grad_raw[3 * j + 1] = static_cast<float>(pixel.y);
    grad_raw[3 * j + 2] = j == kPalmNetwork.root ? 0.0f : z;
  }
  grad_raw[kHeadWidth - 1] = 0;
}

// Sum of |predicted - target| in fixed lanes; gradient = weight * sign.
double absolute_difference(const float* predicted, const float* target, std::int64_t n,
                           double weight, float* gradient) {
  constexpr int kSums = 16;
  const auto step = static_cast<float>(weight);
  double sums[kSums] = {};
  auto term = [&](std::int64_t i) {
    const float d = predicted[i] - target[i];
    gradient[i] = d > 0 ? step : d < 0 ? -step : d * 0;  // d * 0: a NaN stays one
    return static_cast<double>(d < 0 ? -d : d);
  };
  std::int64_t i = 0;
  for (; i + kSums <= n; i += kSums)
    for (int lane = 0; lane < kSums; ++lane) sums[lane] += term(i + lane);
  for (; i < n; ++i) sums[i % kSums] += term(i);
  double sum = 0;
  for (double part : sums) sum += part;
  return sum;
}

}  // namespace

void pose_lift(const float* raw, const float* K, std::int64_t batch, const PoseLift& out) {
  parallel_for(batch, kGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t n = begin; n < end; ++n) lift_sample(raw + kHeadWidth * n, K + 9 * n, n, out);
  });
}

void pose_lift_backward(const float* K, std::int64_t batch, const PoseLiftGradients& in,
                        float* grad_raw) {
  parallel_for(batch, kGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t n = begin; n < end; ++n)
      lift_backward_sample(K + 9 * n, n, in, grad_raw + kHeadWidth * n);
  });
}

void pose_recover(const PoseRays& in, std::int64_t batch, float* xyz) {
  for (std::int64_t n = 0; n < batch; ++n) {
    for (std::int64_t i = kJoints * n; i < kJoints * (n + 1); ++i) {
      const float depth = in.z_rel[i] + in.refined_root[n];
      xyz[3 * i] = in.h[2 * i] * depth;
      xyz[3 * i + 1] = in.h[2 * i + 1] * depth;
      xyz[3 * i + 2] = depth;
    }
  }
}

void pose_recover_backward(const PoseRays& in, const float* grad_xyz, std::int64_t batch,
                           const PoseRaysGradients& out) {
  for (std::int64_t n = 0; n < batch; ++n) {
    double root = 0;
    for (std::int64_t i = kJoints * n; i < kJoints * (n + 1); ++i) {
      const float *g = grad_xyz + 3 * i, *h = in.h + 2 * i;
      const float depth = in.z_rel[i] + in.refined_root[n];
      const float grad_depth = g[0] * h[0] + g[1] * h[1] + g[2];
      out.h[2 * i] = g[0] * depth;
      out.h[2 * i + 1] = g[1] * depth;
      out.z_rel[i] = grad_depth;
      root += grad_depth;
    }
    out.refined_root[n] = static_cast<float>(root);
  }
}

PoseLoss pose_loss(const PoseBatch& predicted, const PoseBatch& target, std::int64_t batch,
                   const PoseBatchGradients& out) {
  if (batch <= 0) return {};
  const double uv = 1.0 / (kRays * batch), z = 1.0 / (kJoints * batch), root = 1.0 / batch;
  PoseLoss loss;
  loss.uv = uv * absolute_difference(predicted.uv, target.uv, kRays * batch, uv, out.uv);
  loss.z_rel = z * absolute_difference(predicted.z_rel, target.z_rel, kJoints * batch,
                                       kRelativeDepthWeight * z, out.z_rel);
  loss.root_depth = root * absolute_difference(predicted.root_depth, target.root_depth, batch, root,
                                               out.root_depth);
  loss.total = loss.uv + kRelativeDepthWeight * loss.z_rel + loss.root_depth;
  return loss;
}

double mean_absolute_loss(const float* predicted, const float* target, std::int64_t n,
                          float* gradient) {
  if (n <= 0) return 0;
  const double share = 1.0 / n;
  return share * absolute_difference(predicted, target, n, share, gradient);
}

PECLR_END
