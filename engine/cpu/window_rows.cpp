// SPDX-License-Identifier: Apache-2.0
#include "engine/cpu/window_rows.h"

#include <algorithm>

namespace peclr {

void gather_window_rows(const ConvShape& s, std::int64_t row, std::int64_t column, const bf16* x,
                        bf16* rows) {
  const std::int64_t width = s.out_width(), shift = column - s.padding;
  // Output columns [first, last) meet columns of x; the others meet padding.
  const std::int64_t first =
      std::min(width, (std::max<std::int64_t>(-shift, 0) + s.stride - 1) / s.stride);
  const std::int64_t reach = s.width - 1 - shift;  // below 0: the whole column is padding
  const std::int64_t last = std::clamp(reach < 0 ? 0 : reach / s.stride + 1, first, width);
  for (std::int64_t n = 0; n < s.images; ++n)
    for (std::int64_t i = 0; i < s.out_height(); ++i, rows += width * s.in) {
      const std::int64_t y = i * s.stride - s.padding + row;
      if (y < 0 || y >= s.height) {
        std::fill_n(rows, width * s.in, bf16{});
        continue;
      }
      const bf16* from = x + ((n * s.height + y) * s.width + shift) * s.in;
      std::fill_n(rows, first * s.in, bf16{});
      for (std::int64_t j = first; j < last; ++j)
        std::copy_n(from + j * s.stride * s.in, s.in, rows + j * s.in);
      std::fill_n(rows + last * s.in, (width - last) * s.in, bf16{});
    }
}

}  // namespace peclr
