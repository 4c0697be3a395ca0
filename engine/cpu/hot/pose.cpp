// SPDX-License-Identifier: Apache-2.0
#include "engine/cpu/hot/pose.h"

#include "engine/parallel.h"

PECLR_BEGIN
namespace {

constexpr std::int64_t kGrain = 128;  // samples; a sample is a microsecond

void lift_sample(const float* raw, const float* K, std::int64_t n, const PoseLift& out) {
  float* uv = out.uv + kRays * n;
  float* z_rel = out.z_rel + kJoints * n;
  float* h = out.h + kRays * n;
  for (int j = 0; j < kJoints; ++j) {
    const LiftedJoint joint = lift_joint(raw, K, j);
    uv[2 * j] = joint.u;
    uv[2 * j + 1] = joint.v;
    z_rel[j] = joint.z_rel;
    h[2 * j] = joint.ray.x;
    h[2 * j + 1] = joint.ray.y;
  }
  const float root = lift_root_depth(raw, K);
  out.root_depth[n] = root;

  float* mlp = out.mlp_input + kHeadWidth * n;
  for (int j = 0; j < kJoints; ++j) mlp[j] = z_rel[j];
  for (int i = 0; i < kRays; ++i) mlp[kJoints + i] = h[i];
  mlp[kHeadWidth - 1] = root;
}

void lift_backward_sample(const float* K, std::int64_t n, const PoseLiftGradients& in,
                          float* grad_raw) {
  for (int j = 0; j < kJoints; ++j) {
    const Vec3f g = lift_gradient(K, in, n, j);
    grad_raw[3 * j] = g.x;
    grad_raw[3 * j + 1] = g.y;
    grad_raw[3 * j + 2] = g.z;
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
    gradient[i] = absolute_gradient(d, step);
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
  for (std::int64_t n = 0; n < batch; ++n)
    for (std::int64_t i = kJoints * n; i < kJoints * (n + 1); ++i) {
      const Vec3f joint = recover_joint(in, in.refined_root[n], i);
      xyz[3 * i] = joint.x;
      xyz[3 * i + 1] = joint.y;
      xyz[3 * i + 2] = joint.z;
    }
}

void pose_recover_backward(const PoseRays& in, const float* grad_xyz, std::int64_t batch,
                           const PoseRaysGradients& out) {
  for (std::int64_t n = 0; n < batch; ++n) {
    double root = 0;
    for (std::int64_t i = kJoints * n; i < kJoints * (n + 1); ++i) {
      const RecoverGradient g = recover_gradient(in, in.refined_root[n], grad_xyz, i);
      out.h[2 * i] = g.h.x;
      out.h[2 * i + 1] = g.h.y;
      out.z_rel[i] = g.depth;
      root += g.depth;
    }
    out.refined_root[n] = static_cast<float>(root);
  }
}

PoseLoss pose_loss(const PoseBatch& predicted, const PoseBatch& target, std::int64_t batch,
                   const PoseBatchGradients& out) {
  if (batch <= 0) return {};
  const double uv = 1.0 / (kRays * batch), z = 1.0 / (kJoints * batch), root = 1.0 / batch;
  const double of_uv = uv * absolute_difference(predicted.uv, target.uv, kRays * batch, uv, out.uv);
  const double of_z = z * absolute_difference(predicted.z_rel, target.z_rel, kJoints * batch,
                                              kRelativeDepthWeight * z, out.z_rel);
  const double of_root = root * absolute_difference(predicted.root_depth, target.root_depth, batch,
                                                    root, out.root_depth);
  return {.total = static_cast<float>(of_uv + kRelativeDepthWeight * of_z + of_root),
          .uv = static_cast<float>(of_uv),
          .z_rel = static_cast<float>(of_z),
          .root_depth = static_cast<float>(of_root)};
}

double mean_absolute_loss(const float* predicted, const float* target, std::int64_t n,
                          float* gradient) {
  if (n <= 0) return 0;
  const double share = 1.0 / n;
  return share * absolute_difference(predicted, target, n, share, gradient);
}

PECLR_END
