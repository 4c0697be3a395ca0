// SPDX-License-Identifier: Apache-2.0
// Convolution weights are [O, kH, kW, I] in memory (what NHWC convolutions read) and OIHW in files
// (torchvision).
#pragma once
#include <span>
#include <vector>

#include "engine/shape.h"

namespace peclr {

// `shape` is the one in memory, [O, kH, kW, I].
inline std::vector<float> ohwi_from_oihw(std::span<const float> file, const Shape& shape) {
  const std::int64_t area = shape[1] * shape[2], in = shape[3];
  std::vector<float> memory(file.size());
  for (std::int64_t o = 0, at = 0; o < shape[0]; ++o)
    for (std::int64_t p = 0; p < area; ++p)
      for (std::int64_t i = 0; i < in; ++i)
        memory[static_cast<std::size_t>(at++)] =
            file[static_cast<std::size_t>((o * in + i) * area + p)];
  return memory;
}

inline std::vector<float> oihw_from_ohwi(std::span<const float> memory, const Shape& shape) {
  const std::int64_t area = shape[1] * shape[2], in = shape[3];
  std::vector<float> file(memory.size());
  for (std::int64_t o = 0, at = 0; o < shape[0]; ++o)
    for (std::int64_t p = 0; p < area; ++p)
      for (std::int64_t i = 0; i < in; ++i)
        file[static_cast<std::size_t>((o * in + i) * area + p)] =
            memory[static_cast<std::size_t>(at++)];
  return file;
}

}  // namespace peclr
