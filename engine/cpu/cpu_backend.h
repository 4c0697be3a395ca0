// SPDX-License-Identifier: Apache-2.0
// The backend that every machine has: oneDNN for products, our own loops (hot/) for the rest.
#pragma once
#include <vector>

#include "engine/backend.h"
#include "engine/cpu/hot/loops.h"
#include "engine/cpu/onednn.h"
#include "engine/host_memory.h"

namespace peclr {

class CpuBackend : public Backend {
 public:
  CpuBackend();
  std::string description() const override;
  bool works_on_cores() const override { return true; }

  void* allocate(std::size_t bytes) override { return memory_.allocate(bytes); }
  void* allocate_lasting(std::size_t bytes) override { return memory_.allocate_lasting(bytes); }
  void release(void* block, std::size_t bytes) override;
  CachingAllocator& allocator() override { return memory_; }
  std::int64_t memory_available() override {
    return static_cast<std::int64_t>(host_memory_bytes());
  }
  void copy_to_host(const Tensor& from, std::span<float> to) override;
  void copy_from_host(std::span<const float> from, const Tensor& to) override;
  std::unique_ptr<HostCopy> host_copy(std::int64_t count) override {
    return std::make_unique<DoneCopy>(count);
  }
  void zero(const Tensor& t) override;
  Tensor activation(Shape shape, DType dtype) override;
  Tensor pictures(std::int64_t n, std::int64_t side, DType) override {
    return Tensor(*this, {n, side, side, 3}, DType::f32);
  }

  void conv_forward(const ConvSpec&, const Tensor& x, const Tensor& w, const Tensor& y) override;
  void conv_backward_data(const ConvSpec&, const Tensor& dy, const Tensor& w,
                          const Tensor& dx) override;
  void conv_backward_weights(const ConvSpec&, const Tensor& x, const Tensor& dy, const Tensor& dw,
                             Write) override;

  void linear_forward(const Tensor& x, const Tensor& w, const Tensor& bias,
                      const Tensor& y) override;
  void linear_backward_data(const Tensor& dy, const Tensor& w, const Tensor& dx) override;
  void linear_backward_weights(const Tensor& x, const Tensor& dy, const Tensor& dw,
                               const Tensor& db, Write) override;

  void norm_train(const NormSpec&, const NormInput& in, const NormInput& residual, const Tensor& y,
                  const Tensor& signs) override;
  Tensor norm_signs(const Tensor& y) override { return y; }
  void norm_evaluate(const NormSpec&, const NormInput& in, const NormInput& residual,
                     const Tensor& y) override;
  void norm_backward(const NormSpec&, const NormBackward&) override;

  void norm_max_pool_train(const NormSpec&, const NormInput& in, const Tensor& y,
                           const PoolWinners& won) override;
  void norm_max_pool_evaluate(const NormSpec&, const NormInput& in, const Tensor& y) override;
  void norm_max_pool_backward(const NormSpec&, const PoolWinners& won,
                              const NormBackward&) override;
  void mean_pool(const Tensor& x, const Tensor& y) override;
  void mean_pool_backward(const Tensor& dy, const Tensor& dx) override;
  void add(const Tensor& x, const Tensor& into) override;

  void augment(std::span<const AugmentRequest> requests, const Tensor& images) override;
  void finish_augment(const Tensor&) override {}
  bool keep_pictures(const PictureKeeping&) override { return false; }
  PictureHome picture_home(std::uint64_t) override { return PictureHome::caller; }

  void invert_views(const Tensor& projection, const Tensor& views, Inversion what,
                    const Tensor& z) override;
  void invert_views_backward(const Tensor& projection, const Tensor& views, Inversion what,
                             const Tensor& dz, const Tensor& dprojection) override;
  void ntxent(const Tensor& z, const NtxentOptions&, const Tensor& rows,
              const Tensor& summary) override;
  void ntxent_backward(const Tensor& z, const NtxentOptions&, const Tensor& rows,
                       const Tensor& dloss, const Tensor& dz) override;

  void pose_lift(const Tensor& raw, const Tensor& cameras, const PoseTensors& out) override;
  void pose_lift_backward(const Tensor& cameras, const PoseTensors& gradients,
                          const Tensor& draw) override;
  void pose_recover(const Tensor& h, const Tensor& z_rel, const Tensor& root,
                    const Tensor& xyz) override;
  void pose_recover_backward(const Tensor& h, const Tensor& z_rel, const Tensor& root,
                             const Tensor& dxyz, const PoseTensors& out) override;
  void pose_loss(const PoseTensors& predicted, const PoseTensors& target, const Tensor& parts,
                 const PoseTensors& gradients) override;
  void mean_absolute_loss(const Tensor& x, const Tensor& target, const Tensor& loss,
                          const Tensor& dx) override;
  void scale(const Tensor& x, const Tensor& factor) override;
  void procrustes(const Tensor& source, const Tensor& target, Alignment rule,
                  const ProcrustesTensors& out) override;
  void begin_update(const OptimizerStep& step) override;
  void apply_update(const OptimizerStep& step) override;
  std::unique_ptr<Recording> record(const std::function<void()>&) override { return nullptr; }

 private:
  const Loops& loops_;
  CachingAllocator memory_;
  OneDnn onednn_;

  // What begin_update was told, and scratch, kept so that a step allocates nothing.
  struct UpdateScratch {
    double learning_rate = 0;
    std::int64_t step = 0;
    float gradient_scale = 1;
    std::vector<ArenaChunk> chunks;
    std::vector<SegmentNorms> norms;
    std::vector<GradientRule> rules;
    std::vector<double> sums;
  };
  UpdateScratch update_;
};

}  // namespace peclr
