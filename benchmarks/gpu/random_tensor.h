// SPDX-License-Identifier: Apache-2.0
// Tensors of random numbers, the same for the same shape.
#pragma once
#include <algorithm>
#include <vector>

#include "engine/backend.h"
#include "kernels/random.h"

namespace peclr::bench {

// Uniform. Some millions of values are drawn, and repeat after that: kernels do not notice, and a
// host would take longer than the benchmark.
inline Tensor random_tensor(Backend& backend, Shape shape, DType dtype = DType::f32, float low = -1,
                            float high = 1) {
  constexpr std::int64_t kDrawn = 1 << 22;
  Tensor t(backend, shape, dtype);
  const std::int64_t count = t.count();
  Rng rng = Rng::of(3);
  std::vector<float> values(static_cast<std::size_t>(std::min(count, kDrawn)));
  for (float& value : values) value = rng.uniform(low, high);
  for (std::int64_t at = 0; at < count; at += kDrawn) {
    const std::int64_t part = std::min(count - at, kDrawn);
    t.slice(at, {part}).copy_from_host(std::span(values).first(static_cast<std::size_t>(part)));
  }
  return t;
}

}  // namespace peclr::bench
