// SPDX-License-Identifier: Apache-2.0
// The GPU's memory, convolutions and linear layers: what NVIDIA's libraries do for the CUDA
// backend. Our kernels do the rest (engine/gpu/with_kernels.h).
#pragma once
#include <algorithm>

#include "engine/backend.h"
#include "engine/cuda/blas.h"
#include "engine/cuda/context.h"
#include "engine/cuda/dnn.h"
#include "engine/cuda/pinned_copy.h"
#include "engine/cuda/pinned_ring.h"
#include "engine/cuda/pinned_staging.h"
#include "engine/cuda/prepared_weights.h"
#include "engine/cuda/scratch.h"
#include "engine/gpu/tickets.h"

namespace peclr {

class CudnnBackend : public Backend {
 public:
  struct Options {
    int gpu = 0;
    cuda::Tf32 tf32 = cuda::Tf32::off;
  };
  // Throws Error(device), one line with what to do, where the card cannot be used.
  CudnnBackend() : CudnnBackend(Options{}) {}
  explicit CudnnBackend(const Options& options);
  std::string description() const override;
  bool works_on_cores() const override { return false; }

  void* allocate(std::size_t bytes) override;
  void* allocate_lasting(std::size_t bytes) override;
  void release(void* block, std::size_t bytes) override;
  CachingAllocator& allocator() override { return memory_; }
  std::int64_t memory_available() override {
    const std::int64_t all =
        static_cast<std::int64_t>(gpu_.facts().free_bytes) + memory_.stats().bytes_reserved;
    return std::max<std::int64_t>(0, all - static_cast<std::int64_t>(cuda::kScratchBytes));
  }
  void copy_to_host(const Tensor& from, std::span<float> to) override;
  void copy_from_host(std::span<const float> from, const Tensor& to) override;
  std::unique_ptr<HostCopy> host_copy(std::int64_t count) override {
    return std::make_unique<cuda::PinnedCopy>(count, stream(), recording_);
  }
  void zero(const Tensor& t) override;
  Tensor activation(Shape shape, DType dtype) override { return Tensor(*this, shape, dtype); }
  Tensor pictures(std::int64_t n, std::int64_t side, DType compute) override;

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

  std::unique_ptr<Recording> record(const std::function<void()>& body) override;

  // For the kernels: all work is done in this stream's order.
  Stream stream() const { return gpu_.stream(); }
  gpu::Staging& staging() { return staging_; }

 private:
  Tensor converted(const Tensor& t, DType type);
  Tensor operand(const Tensor& x, std::int64_t channels, DType type);
  void check_kernels();
  void forbid_in_recording(const char* what) const;

  cuda::Context gpu_;
  CachingAllocator memory_;
  cuda::PinnedRing ring_;
  cuda::PinnedStaging staging_;
  cuda::PreparedWeights weights_;
  cuda::Dnn dnn_;
  cuda::Blas blas_;
  bool recording_ = false, told_of_tf32_ = false;
  gpu::Tickets tickets_;
};

}  // namespace peclr
