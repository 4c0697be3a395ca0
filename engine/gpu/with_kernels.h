// SPDX-License-Identifier: Apache-2.0
// The part of a backend that our own kernels serve: one line a function. Base brings memory, dense
// products, `Stream stream()`, and whatever has no kernel here. The linker decides whether the
// kernels are nvcc's or the emulator's.
#pragma once
#include "engine/backend.h"

namespace peclr {

template <class Base>
class WithKernels : public Base {
 public:
  using Base::Base;
};

}  // namespace peclr
