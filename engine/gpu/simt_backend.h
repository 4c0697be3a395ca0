// SPDX-License-Identifier: Apache-2.0
// For tests: our kernels on the emulator (docs/kernels.md), everything else by the CPU backend. It
// has a GPU's layout, and its recordings: what is asked for within record() is done at each replay,
// with the addresses and numbers of then, as a CUDA graph does it.
#pragma once
#include "engine/cpu/cpu_backend.h"
#include "engine/gpu/staging.h"
#include "engine/gpu/with_kernels.h"
#include "kernels/stream.h"

namespace peclr {

class SimtBase : public CpuBackend {
 public:
  SimtBase();
  ~SimtBase() override;
  std::string description() const override;

  void* allocate(std::size_t bytes) override;
  void* allocate_lasting(std::size_t bytes) override;
  void copy_to_host(const Tensor& from, std::span<float> to) override;
  void copy_from_host(std::span<const float> from, const Tensor& to) override;
  void zero(const Tensor& t) override;
  // Plain [N, H, W, C].
  Tensor activation(Shape shape, DType dtype) override;
  // A channel of zeros behind the colours, as GPUs have it.
  Tensor pictures(std::int64_t n, std::int64_t side, DType) override;

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

  Stream stream() const { return nullptr; }
  gpu::Staging& staging() { return staging_; }

 private:
  struct Recorder;

  template <class F>
  void run_or_record(F work);
  void forbid_in_recording(const char* what) const;

  gpu::PlainStaging staging_;
  std::unique_ptr<Recorder> recorder_;  // while record() runs
};

using SimtBackend = WithKernels<SimtBase>;

}  // namespace peclr
