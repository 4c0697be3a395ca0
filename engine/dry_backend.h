// SPDX-License-Identifier: Apache-2.0
// A device that gives out memory and does nothing: what a step would need is counted by asking for
// it here, at any size and in milliseconds. What libraries need besides (copies of weights in their
// layouts, scratch) is not in it.
#pragma once
#include <limits>

#include "engine/backend.h"

namespace peclr {

class DryBackend : public Backend {
 public:
  // What its pictures are like (Backend::pictures).
  DryBackend(std::int64_t picture_channels, DType picture_type);
  std::string description() const override { return "dry"; }
  bool works_on_cores() const override { return false; }

  void* allocate(std::size_t bytes) override { return memory_.allocate(bytes); }
  void* allocate_lasting(std::size_t bytes) override { return memory_.allocate_lasting(bytes); }
  void release(void* block, std::size_t bytes) override { memory_.release(block, bytes); }
  CachingAllocator& allocator() override { return memory_; }
  std::int64_t memory_available() override { return std::numeric_limits<std::int64_t>::max(); }
  void copy_to_host(const Tensor&, std::span<float> to) override;  // zeros
  void copy_from_host(std::span<const float>, const Tensor&) override {}
  std::unique_ptr<HostCopy> host_copy(std::int64_t count) override {
    return std::make_unique<DoneCopy>(count);
  }
  void zero(const Tensor&) override {}
  Tensor activation(Shape shape, DType dtype) override { return Tensor(*this, shape, dtype); }
  Tensor pictures(std::int64_t n, std::int64_t side, DType) override {
    return Tensor(*this, {n, side, side, channels_}, type_);
  }

  void conv_forward(const ConvSpec&, const Tensor&, const Tensor&, const Tensor&) override {}
  void conv_backward_data(const ConvSpec&, const Tensor&, const Tensor&, const Tensor&) override {}
  void conv_backward_weights(const ConvSpec&, const Tensor&, const Tensor&, const Tensor&,
                             Write) override {}
  void linear_forward(const Tensor&, const Tensor&, const Tensor&, const Tensor&) override {}
  void linear_backward_data(const Tensor&, const Tensor&, const Tensor&) override {}
  void linear_backward_weights(const Tensor&, const Tensor&, const Tensor&, const Tensor&,
                               Write) override {}

  void norm_train(const NormSpec&, const NormInput&, const NormInput&, const Tensor&,
                  const Tensor&) override {}
  Tensor norm_signs(const Tensor& y) override { return y; }
  void norm_evaluate(const NormSpec&, const NormInput&, const NormInput&, const Tensor&) override {}
  void norm_backward(const NormSpec&, const NormBackward&) override {}
  void norm_max_pool_train(const NormSpec&, const NormInput&, const Tensor&,
                           const PoolWinners&) override {}
  void norm_max_pool_evaluate(const NormSpec&, const NormInput&, const Tensor&) override {}
  void norm_max_pool_backward(const NormSpec&, const PoolWinners&, const NormBackward&) override {}
  void mean_pool(const Tensor&, const Tensor&) override {}
  void mean_pool_backward(const Tensor&, const Tensor&) override {}
  void add(const Tensor&, const Tensor&) override {}
  void scale(const Tensor&, const Tensor&) override {}

  void augment(std::span<const AugmentRequest>, const Tensor&) override {}
  void finish_augment(const Tensor&) override {}
  bool keep_pictures(const PictureKeeping&) override { return false; }
  PictureHome picture_home(std::uint64_t) override { return PictureHome::caller; }

  void invert_views(const Tensor&, const Tensor&, Inversion, const Tensor&) override {}
  void invert_views_backward(const Tensor&, const Tensor&, Inversion, const Tensor&,
                             const Tensor&) override {}
  void ntxent(const Tensor&, const NtxentOptions&, const Tensor&, const Tensor&) override {}
  void ntxent_backward(const Tensor&, const NtxentOptions&, const Tensor&, const Tensor&,
                       const Tensor&) override {}

  void pose_lift(const Tensor&, const Tensor&, const PoseTensors&) override {}
  void pose_lift_backward(const Tensor&, const PoseTensors&, const Tensor&) override {}
  void pose_recover(const Tensor&, const Tensor&, const Tensor&, const Tensor&) override {}
  void pose_recover_backward(const Tensor&, const Tensor&, const Tensor&, const Tensor&,
                             const PoseTensors&) override {}
  void pose_loss(const PoseTensors&, const PoseTensors&, const Tensor&,
                 const PoseTensors&) override {}
  void mean_absolute_loss(const Tensor&, const Tensor&, const Tensor&, const Tensor&) override {}
  void procrustes(const Tensor&, const Tensor&, Alignment, const ProcrustesTensors&) override {}

  void begin_update(const OptimizerStep&) override {}
  void apply_update(const OptimizerStep&) override {}
  std::unique_ptr<Recording> record(const std::function<void()>&) override { return nullptr; }

 private:
  CachingAllocator memory_;
  std::int64_t channels_;
  DType type_;
};

}  // namespace peclr
