// SPDX-License-Identifier: Apache-2.0
// The part of a backend that our own kernels serve: one line a function. Base brings memory, dense
// products, `Stream stream()`, and whatever has no kernel here. The linker decides whether the
// kernels are nvcc's or the emulator's.
#pragma once
#include "engine/backend.h"
#include "engine/gpu/elementwise.h"
#include "engine/gpu/norm.h"
#include "engine/gpu/optimizer.h"
#include "engine/gpu/pool.h"
#include "engine/gpu/tickets.h"

namespace peclr {

template <class Base>
class WithKernels : public Base {
 public:
  using Base::Base;

  void norm_train(const NormSpec& spec, const NormWeights& w, const Tensor& x,
                  const Tensor& residual, const Tensor& y, const Tensor& saved) override {
    gpu::norm_train(*this, this->stream(), tickets_, spec, w, x, residual, y, saved);
  }
  void norm_evaluate(const NormSpec& spec, const NormWeights& w, const Tensor& x,
                     const Tensor& residual, const Tensor& y) override {
    gpu::norm_evaluate(this->stream(), spec, w, x, residual, y);
  }
  void norm_backward(const NormSpec& spec, const NormWeights& w, const Tensor& x, const Tensor& y,
                     const Tensor& saved, bool has_residual, const Tensor& dy, const Tensor& more,
                     const Backend::NormGradients& out) override {
    gpu::norm_backward(*this, this->stream(), tickets_, spec, w, x, y, saved, has_residual, dy,
                       more, out);
  }

  void max_pool(const Tensor& x, const Tensor& y, const Tensor& where) override {
    gpu::max_pool(this->stream(), x, y, where);
  }
  void max_pool_backward(const Tensor& dy, const Tensor& where, const Tensor& dx) override {
    gpu::max_pool_backward(this->stream(), dy, where, dx);
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

  double update(const OptimizerStep& step) override {
    return optimizer_.update(*this, this->stream(), step);
  }

 protected:
  gpu::Tickets tickets_;  // for reductions of Base, too: gpu::bias_gradient

 private:
  gpu::OptimizerOnDevice optimizer_;
};

}  // namespace peclr
