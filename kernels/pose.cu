// SPDX-License-Identifier: Apache-2.0
// A warp a hand, a lane a joint. The losses are one block each: a batch of hands is small, and a
// second launch would cost more than it could save.
#include "kernels/launch.h"
#include "kernels/pose_kernels.h"
#include "kernels/reduce.h"

namespace peclr::kernels {
namespace {

constexpr int kHandsPerBlock = 4;
constexpr int kRootLane = kJoints;  // the lane that does what is not a joint's

// The hand of this warp, which may lie beyond the batch.
PECLR_DEVICE std::int64_t hand_index() {
  return std::int64_t{blockIdx.x} * kHandsPerBlock + warp_index();
}

struct Lift {
  struct Params {
    const float *raw, *K;
    std::int64_t batch;
    PoseLift out;
  };
  static constexpr int kThreads = kHandsPerBlock * kWarp;
  using Shared = NoShared;

  PECLR_DEVICE static void run(const Params& p, Shared&) {
    const std::int64_t n = hand_index();
    const int lane = lane_index();
    if (n >= p.batch || lane > kRootLane) return;
    const float *raw = p.raw + kHeadWidth * n, *K = p.K + 9 * n;
    float* mlp = p.out.mlp_input + kHeadWidth * n;
    if (lane == kRootLane) {
      mlp[kHeadWidth - 1] = p.out.root_depth[n] = lift_root_depth(raw, K);
      return;
    }
    const LiftedJoint joint = lift_joint(raw, K, lane);
    const std::int64_t at = kJoints * n + lane;
    p.out.uv[2 * at] = joint.u;
    p.out.uv[2 * at + 1] = joint.v;
    p.out.z_rel[at] = mlp[lane] = joint.z_rel;
    p.out.h[2 * at] = mlp[kJoints + 2 * lane] = joint.ray.x;
    p.out.h[2 * at + 1] = mlp[kJoints + 2 * lane + 1] = joint.ray.y;
  }
};

struct LiftBackward {
  struct Params {
    const float* K;
    std::int64_t batch;
    PoseLiftGradients in;
    float* draw;
  };
  static constexpr int kThreads = kHandsPerBlock * kWarp;
  using Shared = NoShared;

  PECLR_DEVICE static void run(const Params& p, Shared&) {
    const std::int64_t n = hand_index();
    const int lane = lane_index();
    if (n >= p.batch || lane > kRootLane) return;
    float* draw = p.draw + kHeadWidth * n;
    if (lane == kRootLane) {
      draw[kHeadWidth - 1] = 0;
      return;
    }
    const Vec3f g = lift_gradient(p.K + 9 * n, p.in, n, lane);
    draw[3 * lane] = g.x;
    draw[3 * lane + 1] = g.y;
    draw[3 * lane + 2] = g.z;
  }
};

struct Recover {
  struct Params {
    PoseRays in;
    std::int64_t batch;
    float* xyz;
  };
  static constexpr int kThreads = kHandsPerBlock * kWarp;
  using Shared = NoShared;

  PECLR_DEVICE static void run(const Params& p, Shared&) {
    const std::int64_t n = hand_index();
    const int lane = lane_index();
    if (n >= p.batch || lane >= kJoints) return;
    const std::int64_t at = kJoints * n + lane;
    const Vec3f joint = recover_joint(p.in, p.in.refined_root[n], at);
    p.xyz[3 * at] = joint.x;
    p.xyz[3 * at + 1] = joint.y;
    p.xyz[3 * at + 2] = joint.z;
  }
};

struct RecoverBackward {
  struct Params {
    PoseRays in;
    const float* dxyz;
    std::int64_t batch;
    PoseRaysGradients out;
  };
  static constexpr int kThreads = kHandsPerBlock * kWarp;
  using Shared = NoShared;

  PECLR_DEVICE static void run(const Params& p, Shared&) {
    const std::int64_t n = hand_index();
    const int lane = lane_index();
    if (n >= p.batch) return;
    double root = 0;
    if (lane < kJoints) {
      const std::int64_t at = kJoints * n + lane;
      const RecoverGradient g = recover_gradient(p.in, p.in.refined_root[n], p.dxyz, at);
      p.out.h[2 * at] = g.h.x;
      p.out.h[2 * at + 1] = g.h.y;
      p.out.z_rel[at] = g.depth;
      root = g.depth;
    }
    root = warp_fold(root, Add{});
    if (lane == 0) p.out.refined_root[n] = static_cast<float>(root);
  }
};

// A weighted sum of means of absolute differences.
struct AbsoluteLosses {
  static constexpr int kMost = 3;
  struct Part {
    const float *predicted, *target;
    float* gradient;
    std::int64_t count;
    double weight;
  };
  struct Params {
    Part parts[kMost];
    int count;
    float* total;  // [1]
    float* means;  // [count], or null
  };
  static constexpr int kThreads = 1024;
  struct Shared {
    double partial[kThreads / kWarp];
  };

  PECLR_DEVICE static void run(const Params& p, Shared& s) {
    double total = 0;
    for (int i = 0; i < p.count; ++i) {
      const double mean = mean_of(p.parts[i], s);
      total += p.parts[i].weight * mean;
      if (p.means && threadIdx.x == 0) p.means[i] = static_cast<float>(mean);
    }
    if (threadIdx.x == 0) *p.total = static_cast<float>(total);
  }

  PECLR_DEVICE static double mean_of(const Part& part, Shared& s) {
    const double share = part.count > 0 ? 1.0 / static_cast<double>(part.count) : 0;
    const auto step = static_cast<float>(part.weight * share);
    double sum = 0;
    for (std::int64_t i = threadIdx.x; i < part.count; i += kThreads) {
      const float d = __ldg(part.predicted + i) - __ldg(part.target + i);
      part.gradient[i] = absolute_gradient(d, step);
      sum += d < 0 ? -d : d;
    }
    return share * block_fold<kThreads>(sum, Add{}, s.partial);
  }
};

}  // namespace

void pose_lift(const float* raw, const float* K, std::int64_t batch, const PoseLift& out,
               Stream stream) {
  launch<Lift>({.x = blocks_for(batch, kHandsPerBlock)}, {raw, K, batch, out}, stream);
}

void pose_lift_backward(const float* K, std::int64_t batch, const PoseLiftGradients& in,
                        float* draw, Stream stream) {
  launch<LiftBackward>({.x = blocks_for(batch, kHandsPerBlock)}, {K, batch, in, draw}, stream);
}

void pose_recover(const PoseRays& in, std::int64_t batch, float* xyz, Stream stream) {
  launch<Recover>({.x = blocks_for(batch, kHandsPerBlock)}, {in, batch, xyz}, stream);
}

void pose_recover_backward(const PoseRays& in, const float* dxyz, std::int64_t batch,
                           const PoseRaysGradients& out, Stream stream) {
  launch<RecoverBackward>({.x = blocks_for(batch, kHandsPerBlock)}, {in, dxyz, batch, out}, stream);
}

void pose_loss(const PoseBatch& predicted, const PoseBatch& target, std::int64_t batch,
               const PoseBatchGradients& gradients, float* parts, Stream stream) {
  const AbsoluteLosses::Params params{
      {{predicted.uv, target.uv, gradients.uv, kRays * batch, 1},
       {predicted.z_rel, target.z_rel, gradients.z_rel, kJoints * batch, kRelativeDepthWeight},
       {predicted.root_depth, target.root_depth, gradients.root_depth, batch, 1}},
      3,
      parts,
      parts + 1};
  launch<AbsoluteLosses>({}, params, stream);
}

void mean_absolute_loss(const float* predicted, const float* target, std::int64_t n,
                        float* gradient, float* loss, Stream stream) {
  launch<AbsoluteLosses>({}, {{{predicted, target, gradient, n, 1}}, 1, loss, nullptr}, stream);
}

}  // namespace peclr::kernels
