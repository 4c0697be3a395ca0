// SPDX-License-Identifier: Apache-2.0
// For tests: our kernels on the emulator (docs/kernels.md), everything else by the CPU backend.
#pragma once
#include "engine/cpu/cpu_backend.h"
#include "engine/gpu/staging.h"
#include "engine/gpu/with_kernels.h"
#include "kernels/stream.h"

namespace peclr {

// The CPU backend with a GPU's layout: activations are plain [N, H, W, C].
class SimtBase : public CpuBackend {
 public:
  std::string description() const override {
    return "simt: kernels on the emulator; " + CpuBackend::description();
  }
  Tensor activation(Shape shape, DType dtype) override {
    if (dtype == DType::bf16)
      CpuBackend::activation({1, 1, 1, 1}, dtype);  // throws without AVX-512
    return Tensor(*this, shape, dtype);
  }
  Stream stream() const { return nullptr; }
  gpu::Staging& staging() { return staging_; }

 private:
  gpu::PlainStaging staging_;
};

using SimtBackend = WithKernels<SimtBase>;

}  // namespace peclr
