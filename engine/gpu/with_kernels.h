// SPDX-License-Identifier: Apache-2.0
// The part of a backend that our own kernels serve: one line a function. Base brings memory, dense
// products, whatever has no kernel here, and
//   Stream stream();           that kernels run in
//   gpu::Staging& staging();   the way of pictures to the device
// The linker decides whether the kernels are nvcc's or the emulator's.
#pragma once
#include "engine/backend.h"
#include "engine/gpu/augment.h"
#include "engine/gpu/elementwise.h"
#include "engine/gpu/equivariance.h"
#include "engine/gpu/norm.h"
#include "engine/gpu/ntxent.h"
#include "engine/gpu/optimizer.h"
#include "engine/gpu/pool.h"
#include "engine/gpu/pose.h"
#include "engine/gpu/procrustes.h"
#include "engine/gpu/tickets.h"

namespace peclr {

template <class Base>
class WithKernels : public Base {
 public:
  using Base::Base;

  void norm_train(const NormSpec& spec, const NormInput& in, const NormInput& residual,
                  const Tensor& y, const Tensor& signs) override {
    gpu::norm_train(*this, this->stream(), tickets_, spec, in, residual, y, signs);
  }
  Tensor norm_signs(const Tensor& y) override { return gpu::norm_signs(*this, y); }
  void norm_evaluate(const NormSpec& spec, const NormInput& in, const NormInput& residual,
                     const Tensor& y) override {
    gpu::norm_evaluate(this->stream(), spec, in, residual, y);
  }
  void norm_backward(const NormSpec& spec, const NormBackward& b) override {
    gpu::norm_backward(*this, this->stream(), tickets_, spec, b);
  }

  void norm_max_pool_train(const NormSpec& spec, const NormInput& in, const Tensor& y,
                           const PoolWinners& won) override {
    gpu::norm_max_pool_train(*this, this->stream(), tickets_, spec, in, y, won);
  }
  void norm_max_pool_evaluate(const NormSpec& spec, const NormInput& in, const Tensor& y) override {
    gpu::norm_max_pool_evaluate(this->stream(), spec, in, y);
  }
  void norm_max_pool_backward(const NormSpec& spec, const PoolWinners& won,
                              const NormBackward& b) override {
    gpu::norm_max_pool_backward(*this, this->stream(), tickets_, spec, won, b);
  }
  void mean_pool(const Tensor& x, const Tensor& y) override {
    gpu::mean_pool(this->stream(), x, y);
  }
  void mean_pool_backward(const Tensor& dy, const Tensor& dx) override {
    gpu::mean_pool_backward(this->stream(), dy, dx);
  }

  void add(const Tensor& x, const Tensor& into) override { gpu::add(this->stream(), x, into); }
  void scale(const Tensor& x, const Tensor& factor) override {
    gpu::scale(this->stream(), x, factor);
  }

  void augment(std::span<const AugmentRequest> requests, const Tensor& images) override {
    augmenter_.augment(requests, images);
  }
  void finish_augment(const Tensor& images) override { augmenter_.finish(images, this->stream()); }
  bool keep_pictures(const PictureKeeping& most) override {
    augmenter_.keep(most);
    return true;
  }
  PictureHome picture_home(std::uint64_t picture) override { return augmenter_.home(picture); }

  void invert_views(const Tensor& projection, const Tensor& views, Inversion what,
                    const Tensor& z) override {
    gpu::invert_views(this->stream(), projection, views, what, z);
  }
  void invert_views_backward(const Tensor& projection, const Tensor& views, Inversion what,
                             const Tensor& dz, const Tensor& dprojection) override {
    gpu::invert_views_backward(this->stream(), projection, views, what, dz, dprojection);
  }

  void ntxent(const Tensor& z, const NtxentOptions& options, const Tensor& rows,
              const Tensor& summary) override {
    gpu::ntxent(*this, this->stream(), z, options, rows, summary);
  }
  void ntxent_backward(const Tensor& z, const NtxentOptions& options, const Tensor& rows,
                       const Tensor& dloss, const Tensor& dz) override {
    gpu::ntxent_backward(*this, this->stream(), z, options, rows, dloss, dz);
  }

  void pose_lift(const Tensor& raw, const Tensor& cameras, const PoseTensors& out) override {
    gpu::pose_lift(this->stream(), raw, cameras, out);
  }
  void pose_lift_backward(const Tensor& cameras, const PoseTensors& gradients,
                          const Tensor& draw) override {
    gpu::pose_lift_backward(this->stream(), cameras, gradients, draw);
  }
  void pose_recover(const Tensor& h, const Tensor& z_rel, const Tensor& root,
                    const Tensor& xyz) override {
    gpu::pose_recover(this->stream(), h, z_rel, root, xyz);
  }
  void pose_recover_backward(const Tensor& h, const Tensor& z_rel, const Tensor& root,
                             const Tensor& dxyz, const PoseTensors& out) override {
    gpu::pose_recover_backward(this->stream(), h, z_rel, root, dxyz, out);
  }
  void pose_loss(const PoseTensors& predicted, const PoseTensors& target, const Tensor& parts,
                 const PoseTensors& gradients) override {
    gpu::pose_loss(*this, this->stream(), tickets_, predicted, target, parts, gradients);
  }
  void mean_absolute_loss(const Tensor& x, const Tensor& target, const Tensor& loss,
                          const Tensor& dx) override {
    gpu::mean_absolute_loss(*this, this->stream(), tickets_, x, target, loss, dx);
  }
  void procrustes(const Tensor& source, const Tensor& target, Alignment rule,
                  const ProcrustesTensors& out) override {
    gpu::procrustes(this->stream(), source, target, rule, out);
  }

  void begin_update(const OptimizerStep& step) override { optimizer_.begin_update(*this, step); }
  void apply_update(const OptimizerStep& step) override {
    optimizer_.apply_update(this->stream(), step);
  }

 private:
  gpu::Tickets tickets_;
  gpu::OptimizerOnDevice optimizer_;
  gpu::Augmenter augmenter_{this->staging()};
};

}  // namespace peclr
