// SPDX-License-Identifier: Apache-2.0
// Convolutions and matrix products by oneDNN. Convolutions are made once a shape and kept; their
// weights are brought into the layout (and precision) that they want once a version, not once a
// call.
#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "engine/allocator.h"
#include "engine/dtype.h"

namespace peclr {

// x [images, height, width, in] and y [images, height', width', out], stored in blocks of channels
// (Tensor::channel_block); w f32 [out, kernel, kernel, in].
struct ConvShape {
  std::int64_t images, height, width, in, out, kernel, stride, padding;
  std::int64_t in_block, out_block;
  DType x_type, y_type;  // the arithmetic has y_type

  std::int64_t out_height() const { return (height + 2 * padding - kernel) / stride + 1; }
  std::int64_t out_width() const { return (width + 2 * padding - kernel) / stride + 1; }
  auto operator<=>(const ConvShape&) const = default;
};

struct WeightRef {
  const float* data;
  std::uint64_t version;
};

class OneDnn {
 public:
  // Scratch and prepared weights come from `memory`, which must outlive this object.
  explicit OneDnn(CachingAllocator& memory);
  ~OneDnn();

  std::string version() const;
  // Channels side by side that the processor's convolutions want: 16 or 8, or 0 for all of them
  // (plain NHWC: what AMX's tiles are loaded from).
  int preferred_block(DType type) const;
  bool has_bf16() const;
  bool gains_from_bf16() const;  // whether a step takes less time in it than in f32

  void conv_forward(const ConvShape& s, const void* x, WeightRef w, void* y);
  void conv_backward_data(const ConvShape& s, const void* dy, WeightRef w, void* dx);
  void conv_backward_weights(const ConvShape& s, const void* x, const void* dy, float* dw,
                             bool accumulate);

  // Drops what was prepared for weights in [begin, end): their memory is being freed.
  void forget(const void* begin, const void* end);

  // Plain to blocked and back, between types: [N, H, W, C].
  struct Picture {
    std::int64_t n, h, w, c, block;
    DType type;
  };
  void reorder(const Picture& from, const void* source, const Picture& to, void* target);

  // c [m, n] = a b + beta c, row-major; a is [m, k] or, transposed, [k, m]; b likewise.
  struct Product {
    std::int64_t m, n, k;
    bool transpose_a, transpose_b;
    float beta;
  };
  static void gemm(const Product& p, const float* a, const float* b, float* c);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace peclr
