// SPDX-License-Identifier: Apache-2.0
// The rows that a convolution's weights meet, for all small shapes: against each position looked up
// by itself.
#include "engine/cpu/window_rows.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <vector>

namespace peclr {
namespace {

constexpr std::int64_t kChannels = 2;

// Every value of x is another number, none of them zero.
std::vector<bf16> numbered(const ConvShape& s) {
  std::vector<bf16> x(static_cast<std::size_t>(s.images * s.height * s.width * s.in));
  for (std::size_t i = 0; i < x.size(); ++i) x[i].bits = static_cast<std::uint16_t>(i + 1);
  return x;
}

void check_rows(const ConvShape& s) {
  const std::vector<bf16> x = numbered(s);
  const std::int64_t count = s.images * s.out_height() * s.out_width() * s.in;
  for (std::int64_t row = 0; row < s.kernel; ++row)
    for (std::int64_t column = 0; column < s.kernel; ++column) {
      std::vector<bf16> got(static_cast<std::size_t>(count), bf16{0xFFFF});
      gather_window_rows(s, row, column, x.data(), got.data());
      std::vector<std::uint16_t> found, want;
      for (const bf16 value : got) found.push_back(value.bits);
      for (std::int64_t n = 0; n < s.images; ++n)
        for (std::int64_t i = 0; i < s.out_height(); ++i)
          for (std::int64_t j = 0; j < s.out_width(); ++j)
            for (std::int64_t c = 0; c < s.in; ++c) {
              const std::int64_t y = i * s.stride - s.padding + row,
                                 z = j * s.stride - s.padding + column;
              const bool inside = y >= 0 && y < s.height && z >= 0 && z < s.width;
              const std::int64_t at = ((n * s.height + y) * s.width + z) * s.in + c;
              want.push_back(inside ? x[static_cast<std::size_t>(at)].bits : 0);
            }
      INFO("row " << row << ", column " << column);
      CHECK(found == want);
    }
}

TEST_CASE("window rows: each output meets its own position of the input, or zero", "[conv]") {
  for (std::int64_t height = 1; height <= 5; ++height)
    for (std::int64_t width = 1; width <= 5; ++width)
      for (const std::int64_t kernel : {1, 3, 7})
        for (const std::int64_t stride : {1, 2, 3})
          for (const std::int64_t padding : {std::int64_t{0}, kernel / 2}) {
            if (std::min(height, width) + 2 * padding < kernel) continue;
            CAPTURE(height, width, kernel, stride, padding);
            check_rows({.images = 2,
                        .height = height,
                        .width = width,
                        .in = kChannels,
                        .out = 1,
                        .kernel = kernel,
                        .stride = stride,
                        .padding = padding,
                        .in_block = kChannels,
                        .out_block = 1,
                        .x_type = DType::bf16,
                        .y_type = DType::bf16});
          }
}

}  // namespace
}  // namespace peclr
