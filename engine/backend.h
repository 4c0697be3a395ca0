// SPDX-License-Identifier: Apache-2.0
// What a device must be able to do: the narrow seam under the ops. Every function writes into
// outputs it is given and records nothing; shapes have been checked by the op that calls it. A
// missing function is a compile error.
#pragma once
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/allocator.h"
#include "engine/host_copy.h"
#include "engine/picture_keeping.h"
#include "engine/recording.h"
#include "engine/tensor.h"
#include "kernels/augment.h"
#include "kernels/equivariance.h"
#include "kernels/ntxent.h"
#include "kernels/optimizer.h"
#include "kernels/procrustes.h"

namespace peclr {

struct ConvSpec {
  int stride = 1, padding = 0;
};

// Whether a gradient is the first to arrive at its place or adds to what is there.
enum class Write { overwrite, accumulate };

// Batch normalisation over all but the last dimension, an optional residual, and the activation, in
// one pass: y = act(gamma * (x - mean) / sqrt(variance + eps) + beta + residual). The residual may
// be a normalised one itself, with numbers of its own.
struct NormSpec {
  float eps = 1e-5f;
  // running = (1 - momentum) * running + momentum * batch (unbiased variance)
  float momentum = 0.1f;
  float slope = 0.f;  // of the activation below zero: 0 ReLU, 1 none, 0.01 leaky ReLU
};
// [C] f32 each.
struct NormWeights {
  Tensor gamma, beta, running_mean, running_variance;
};
struct NormInput {
  Tensor x;             // undefined: no residual
  NormWeights weights;  // undefined: a residual as it is
  Tensor moments;       // [2, C] f32, mean and 1 / sqrt(variance + eps), left for the gradient

  bool normalised() const { return weights.gamma.defined(); }
};
struct NormBackward {
  NormInput in, residual;  // as in the forward pass
  Tensor signs;            // likewise
  // What arrives is dy (+ more, where defined). Both are consumed: where there was a residual, dy
  // is left holding the gradient of its x.
  Tensor dy, more;
  Tensor dx;
  struct Weights {
    Tensor dgamma, dbeta;  // [C]
    Write write;
  };
  Weights of_in, of_residual;
};

// Of 3x3 max pooling, stride 2, padding 1, behind a norm and its activation: [N, H', W', C], side
// (side + 1) / 2. What the gradient needs of each window: its largest value's place 0..8, and the x
// that this value was made of. Of equal values the first has won, and a NaN wins.
struct PoolWinners {
  Tensor where;  // u8
  Tensor x;      // of in.x's type and y's layout
};

// The hand network's way from 64 numbers to a hand (kernels/pose25d.h), all f32: uv [B, 21, 2]
// pixels, z_rel [B, 21], h [B, 21, 2] rays, root_depth [B], mlp_input [B, 64]. As gradients,
// undefined where nothing flows.
struct PoseTensors {
  Tensor uv, z_rel, h, root_depth, mlp_input;
};

// aligned [B, P, 3] = scale [B] * source @ rotation [B, 3, 3] + translation [B, 3], and pa_epe [B],
// the mean distance of aligned points from the target; all f32. Undefined: not wanted.
struct ProcrustesTensors {
  Tensor aligned, rotation, scale, translation, pa_epe;
};

// How NT-Xent multiplies: rows as they are, or rounded to bf16 first, for the tensor cores; sums
// are f32 either way. The CPU takes f32 always.
struct NtxentOptions {
  float temperature = .5f;  // > 0
  DType operands = DType::f32;
};

// Where each tensor lies in the arenas, and whether it decays.
struct OptimizerLayout {
  std::vector<Segment> segments;
};
struct OptimizerStep {
  const OptimizerLayout& layout;
  OptimizerKind kind;
  double learning_rate;
  std::int64_t step;     // from 0
  float gradient_scale;  // gradients are multiplied by it first: 1 / accumulate
  Tensor weights, gradients, first_moment, second_moment;  // [total] f32
  Tensor norm;  // [1] f32, receives the L2 norm of the scaled gradient
};

// One view to be made: source u8 [height, width, 4] on the host, into row `row` of a batch of
// pictures. `picture` numbers the source: the same number, the same pixels. A device may keep those
// (Backend::keep_pictures), unless it is 0; the source of what it has (picture_home) may be null.
struct AugmentRequest {
  const std::uint8_t* source;
  int width, height;
  AugmentParams params;
  std::int64_t row;
  std::uint64_t picture = 0;
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string description() const = 0;  // one line for logs and reports
  // Whether its work is done by this machine's cores, which others then do not have.
  virtual bool works_on_cores() const = 0;

  // Memory.
  virtual void* allocate(std::size_t bytes) = 0;
  virtual void* allocate_lasting(std::size_t bytes) = 0;  // see CachingAllocator
  virtual void release(void* block, std::size_t bytes) = 0;
  MemoryStats memory() { return allocator().stats(); }
  // Bytes that this process may have here: on a GPU those it holds and those that are free, but for
  // what libraries work in; on the CPU, whose system can move others out, all there are.
  virtual std::int64_t memory_available() = 0;
  virtual CachingAllocator& allocator() = 0;
  // f32 on the host in the order of the tensor's dimensions; f32 or bf16, any layout here.
  virtual void copy_to_host(const Tensor& from, std::span<float> to) = 0;
  virtual void copy_from_host(std::span<const float> from, const Tensor& to) = 0;
  // A place for `count` numbers of tensors here; it must not outlive the backend.
  virtual std::unique_ptr<HostCopy> host_copy(std::int64_t count) = 0;
  virtual void zero(const Tensor& t) = 0;

  // An uninitialised [N, H, W, C] activation in the layout that this backend's convolutions like.
  virtual Tensor activation(Shape shape, DType dtype) = 0;
  // An uninitialised batch [N, S, S, C] of pictures, as `augment` writes it and the first
  // convolution reads it when it calculates in `compute`. C is 3 or more; channels beyond 3 hold
  // zeros.
  virtual Tensor pictures(std::int64_t n, std::int64_t side, DType compute) = 0;

  // Convolution: x [N, H, W, I], w f32 [O, kH, kW, I], y [N, H', W', O]. The arithmetic has y's
  // (dx's) type; sums are f32. Pictures (above) may have more channels than w; those are zeros.
  virtual void conv_forward(const ConvSpec&, const Tensor& x, const Tensor& w, const Tensor& y) = 0;
  virtual void conv_backward_data(const ConvSpec&, const Tensor& dy, const Tensor& w,
                                  const Tensor& dx) = 0;
  virtual void conv_backward_weights(const ConvSpec&, const Tensor& x, const Tensor& dy,
                                     const Tensor& dw, Write) = 0;

  // Linear: x [B, I], w [O, I], y [B, O] = x w^T (+ bias [O] where defined); all f32.
  virtual void linear_forward(const Tensor& x, const Tensor& w, const Tensor& bias,
                              const Tensor& y) = 0;
  virtual void linear_backward_data(const Tensor& dy, const Tensor& w, const Tensor& dx) = 0;
  virtual void linear_backward_weights(const Tensor& x, const Tensor& dy, const Tensor& dw,
                                       const Tensor& db, Write) = 0;

  // Normalisation: x, residual and y [N, H, W, C] or [B, C], of one type and layout; y lies in
  // memory of its own. norm_train goes by the batch's statistics: it writes the moments of `in`,
  // lets the running statistics follow them, and does the same for a residual that is normalised.
  virtual void norm_train(const NormSpec&, const NormInput& in, const NormInput& residual,
                          const Tensor& y, const Tensor& signs) = 0;
  // Where norm_train with a residual says on which side of zero y lies: bits for it to write, or y
  // itself. Without a residual, signs are undefined.
  virtual Tensor norm_signs(const Tensor& y) = 0;
  // By the running statistics, which stay as they are; without moments.
  virtual void norm_evaluate(const NormSpec&, const NormInput& in, const NormInput& residual,
                             const Tensor& y) = 0;
  // From what norm_train has left; `signs` as it wrote them.
  virtual void norm_backward(const NormSpec&, const NormBackward&) = 0;

  // A norm, its activation and max pooling; the map between is never stored. y [N, H', W', C].
  virtual void norm_max_pool_train(const NormSpec&, const NormInput& in, const Tensor& y,
                                   const PoolWinners& won) = 0;
  virtual void norm_max_pool_evaluate(const NormSpec&, const NormInput& in, const Tensor& y) = 0;
  // Without residual and signs; dy and more are of y's shape, dx of x's.
  virtual void norm_max_pool_backward(const NormSpec&, const PoolWinners& won,
                                      const NormBackward&) = 0;

  // Mean over H and W: f32 [N, C].
  virtual void mean_pool(const Tensor& x, const Tensor& y) = 0;
  virtual void mean_pool_backward(const Tensor& dy, const Tensor& dx) = 0;

  virtual void add(const Tensor& x, const Tensor& into) = 0;      // into += x, same layout
  virtual void scale(const Tensor& x, const Tensor& factor) = 0;  // x *= factor [1], f32

  // Makes views in `images`, made by pictures() or a plain [N, S, S, 3] f32. The first may be
  // called from any thread, for different rows at a time, and is done with the sources on return;
  // the second, from the training thread, returns once all rows can be used.
  virtual void augment(std::span<const AugmentRequest> requests, const Tensor& images) = 0;
  virtual void finish_augment(const Tensor& images) = 0;
  // From now on pictures are kept as they come, up to so much in all. What has a home with the
  // device has it until the backend ends. Both from any thread. False: it reads the caller's memory
  // and keeps none.
  virtual bool keep_pictures(const PictureKeeping& most) = 0;
  virtual PictureHome picture_home(std::uint64_t picture) = 0;

  // Contrastive part: projection, z and gradients [2N, D]; views [2N, 4], each row a ViewTransform;
  // rows [2, 2N], what the forward pass leaves for the gradient; summary: a NtxentSummary.
  virtual void invert_views(const Tensor& projection, const Tensor& views, Inversion what,
                            const Tensor& z) = 0;
  virtual void invert_views_backward(const Tensor& projection, const Tensor& views, Inversion what,
                                     const Tensor& dz, const Tensor& dprojection) = 0;
  virtual void ntxent(const Tensor& z, const NtxentOptions&, const Tensor& rows,
                      const Tensor& summary) = 0;
  virtual void ntxent_backward(const Tensor& z, const NtxentOptions&, const Tensor& rows,
                               const Tensor& dloss, const Tensor& dz) = 0;

  // Hand pose: raw [B, 64], cameras [B, 9], xyz [B, 21, 3] in bone lengths.
  virtual void pose_lift(const Tensor& raw, const Tensor& cameras, const PoseTensors& out) = 0;
  virtual void pose_lift_backward(const Tensor& cameras, const PoseTensors& gradients,
                                  const Tensor& draw) = 0;
  virtual void pose_recover(const Tensor& h, const Tensor& z_rel, const Tensor& root,
                            const Tensor& xyz) = 0;
  virtual void pose_recover_backward(const Tensor& h, const Tensor& z_rel, const Tensor& root,
                                     const Tensor& dxyz,
                                     const PoseTensors& out) = 0;  // h, z_rel, root_depth
  // Fine-tuning's loss on uv, z_rel and root_depth, and its gradient; parts: a PoseLoss
  // (kernels/pose.h).
  virtual void pose_loss(const PoseTensors& predicted, const PoseTensors& target,
                         const Tensor& parts, const PoseTensors& gradients) = 0;
  // loss [1] = mean |x - target|, and its gradient.
  virtual void mean_absolute_loss(const Tensor& x, const Tensor& target, const Tensor& loss,
                                  const Tensor& dx) = 0;

  // Batched alignment of source [B, P, 3] to target: kernels/procrustes.h.
  virtual void procrustes(const Tensor& source, const Tensor& target, Alignment rule,
                          const ProcrustesTensors& out) = 0;

  // One step over the arenas, in two parts, so that the second can be recorded: hand over the
  // numbers that change from step to step; do it. Nobody else's step comes between them, and a
  // recording is for the layout that it was made with. The gradients may be scaled in place. Where
  // the norm is not finite, weights and moments stay as they are.
  virtual void begin_update(const OptimizerStep& step) = 0;
  virtual void apply_update(const OptimizerStep& step) = 0;  // reads no number of it

  // Keeps what `body` asks for instead of doing it. Its tensors' places and all host numbers become
  // part of the recording; what changes from one time to the next must lie in tensors from outside.
  // Within `body`, copies from and to the host throw Error(failure), and what it allocates must be
  // there (CachingAllocator::StepScope). Null, and `body` not called, where the device has nothing
  // to gain. The recording must not outlive the backend.
  virtual std::unique_ptr<Recording> record(const std::function<void()>& body) = 0;
};

}  // namespace peclr
