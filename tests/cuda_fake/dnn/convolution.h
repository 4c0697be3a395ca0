// SPDX-License-Identifier: Apache-2.0
// What a graph of operations asks for: one convolution, alone or with a conversion of its result.
#pragma once
#include <array>
#include <cstdint>

#include "tests/cuda_fake/dnn/descriptor.h"
#include "tests/cuda_fake/numbers.h"

namespace peclr::fake {

struct TensorSpec {
  std::int64_t id, alignment;
  bool is_virtual;
  Number type;
  std::array<std::int64_t, 4> sizes, strides;  // n, c, h, w

  std::size_t bytes() const;  // from the first element to the last
};
TensorSpec tensor_of(const Descriptor& d);  // throws Refusal

enum class Pass { forward, backward_data, backward_weights };
enum class Arithmetic { exact, tf32 };

struct Convolution {
  Pass pass;
  TensorSpec x, w, y;
  std::array<std::int64_t, 2> stride, padding;

  const TensorSpec& result() const;
};
// Of an operation; throws Refusal where its tensors do not fit each other.
Convolution convolution_of(const Descriptor& operation);
// Of a graph, with the result as the conversion stores it; throws Refusal where it is another one.
Convolution convolution_of_graph(const Descriptor& graph);

// Computes the result: sums in f32, for each value of y, then of the window, in order.
void run(const Convolution& c, Arithmetic arithmetic, const void* x, const void* w, const void* y,
         void* result);

}  // namespace peclr::fake
