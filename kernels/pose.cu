// SPDX-License-Identifier: Apache-2.0
// A warp a hand, a lane a joint; losses have a thread a number.
#include <algorithm>

#include "kernels/last_block.h"
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

struct AddSums {
  PECLR_DEVICE LossSums operator()(const LossSums& a, const LossSums& b) const {
    return {a.of[0] + b.of[0], a.of[1] + b.of[1], a.of[2] + b.of[2]};
  }
};

// A weighted sum of means of absolute differences: blocks leave their sums, the last adds them up.
struct AbsoluteLosses {
  struct Part {
    const float *predicted, *target;
    float* gradient;
    std::int64_t count;
    double weight;

    // What the mean has of the sum.
    PECLR_DEVICE double share() const { return count > 0 ? 1.0 / static_cast<double>(count) : 0; }
  };
  struct Params {
    Part parts[kMostLosses];
    int count;
    float* total;  // [1]
    float* means;  // [count], or null
    LossScratch scratch;
  };
  static constexpr int kThreads = 256;
  static_assert(kLossBlocks <= kThreads, "a thread of the last block has a block's sums");
  struct Shared {
    LossSums partial[kThreads / kWarp];
    bool last;
  };

  static unsigned blocks(std::int64_t longest) {
    return std::clamp(blocks_for(longest, kThreads), 1u, unsigned{kLossBlocks});
  }

  PECLR_DEVICE static void run(const Params& p, Shared& s) {
    LossSums mine{};
    PECLR_UNROLL
    for (int i = 0; i < kMostLosses; ++i)
      if (i < p.count) mine.of[i] = sum_of(p.parts[i]);
    mine = block_fold<kThreads>(mine, AddSums{}, s.partial);
    if (threadIdx.x == 0) p.scratch.partials[blockIdx.x] = mine;
    if (!is_last_block(p.scratch.finished, gridDim.x, s.last)) return;

    mine = threadIdx.x < gridDim.x ? p.scratch.partials[threadIdx.x] : LossSums{};
    const LossSums sums = block_fold<kThreads>(mine, AddSums{}, s.partial);
    if (threadIdx.x != 0) return;
    double total = 0;
    PECLR_UNROLL
    for (int i = 0; i < kMostLosses; ++i) {
      if (i >= p.count) break;
      const double mean = p.parts[i].share() * sums.of[i];
      total += p.parts[i].weight * mean;
      if (p.means) p.means[i] = static_cast<float>(mean);
    }
    *p.total = static_cast<float>(total);
  }

  // Of this thread's differences; their gradient is written.
  PECLR_DEVICE static double sum_of(const Part& part) {
    const auto step = static_cast<float>(part.weight * part.share());
    double sum = 0;
    for (std::int64_t i = std::int64_t{blockIdx.x} * kThreads + threadIdx.x; i < part.count;
         i += std::int64_t{gridDim.x} * kThreads) {
      const float d = __ldg(part.predicted + i) - __ldg(part.target + i);
      part.gradient[i] = absolute_gradient(d, step);
      sum += d < 0 ? -d : d;
    }
    return sum;
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
               const PoseBatchGradients& gradients, PoseLoss* loss, const LossScratch& scratch,
               Stream stream) {
  const AbsoluteLosses::Params params{
      {{predicted.uv, target.uv, gradients.uv, kRays * batch, 1},
       {predicted.z_rel, target.z_rel, gradients.z_rel, kJoints * batch, kRelativeDepthWeight},
       {predicted.root_depth, target.root_depth, gradients.root_depth, batch, 1}},
      3,
      &loss->total,
      &loss->uv,  // and the others behind it
      scratch};
  launch<AbsoluteLosses>({.x = AbsoluteLosses::blocks(kRays * batch)}, params, stream);
}

void mean_absolute_loss(const float* predicted, const float* target, std::int64_t n,
                        float* gradient, float* loss, const LossScratch& scratch, Stream stream) {
  launch<AbsoluteLosses>({.x = AbsoluteLosses::blocks(n)},
                         {{{predicted, target, gradient, n, 1}}, 1, loss, nullptr, scratch},
                         stream);
}

}  // namespace peclr::kernels
