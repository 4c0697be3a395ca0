// SPDX-License-Identifier: Apache-2.0
// Convolutions: for each shape the fastest of the plans that cuDNN offers (conv_plans.h) is found
// by timing them on first use, and kept in a file.
#pragma once
#include <memory>
#include <string>

#include "engine/allocator.h"
#include "engine/cuda/context.h"
#include "engine/cuda/conv_shape.h"

namespace peclr::cuda {

class Dnn {
 public:
  struct Options {
    Tf32 tf32 = Tf32::off;
    std::string plan_file;  // "": timings are kept in memory only
  };
  // Scratch comes from `memory`. Throws Error(device) where cuDNN does not start.
  Dnn(const Context& gpu, CachingAllocator& memory, Options options);
  ~Dnn();
  Dnn(const Dnn&) = delete;
  Dnn& operator=(const Dnn&) = delete;

  // Computes y, dx (in x's place) or dw (in w's, f32). Addresses are multiples of 16. `tf32` allows
  // it for this one, as the options do for all. False where no engine of cuDNN's takes this
  // convolution on this card. Throws OutOfMemory where one would if there were room for its
  // scratch.
  bool run(ConvPass pass, const ConvShape& shape, const ConvOperands& operands,
           Tf32 tf32 = Tf32::off);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace peclr::cuda
