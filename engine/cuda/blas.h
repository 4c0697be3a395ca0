// SPDX-License-Identifier: Apache-2.0
// Matrix products by cuBLASLt, on row-major matrices; sums are f32, in an order that only the sizes
// decide.
#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "engine/allocator.h"
#include "engine/cuda/context.h"
#include "engine/dtype.h"

namespace peclr::cuda {

// c [m, n] f32 = a b + beta c (+ bias [n] f32 for each row); a is [m, k] or, transposed, [k, m]; b
// likewise. a and b are both of `type`, f32 or bf16.
struct Product {
  std::int64_t m, n, k;
  bool transpose_a, transpose_b;
  float beta;
  DType type = DType::f32;
  auto operator<=>(const Product&) const = default;
};

class Blas {
 public:
  // f32 is f32, unless `tf32` (engine/cuda/conv_shape.h). Scratch comes from `memory`. Throws
  // Error(device) where cuBLASLt does not start.
  Blas(const Context& gpu, CachingAllocator& memory, bool tf32);
  ~Blas();
  Blas(const Blas&) = delete;
  Blas& operator=(const Blas&) = delete;

  static std::string version();  // "cuBLASLt 13.1.0"

  // bias may be null. Throws Error(failure) that names the sizes.
  void run(const Product& p, const void* a, const void* b, const float* bias, float* c);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace peclr::cuda
