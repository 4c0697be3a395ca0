// SPDX-License-Identifier: Apache-2.0
// How a matrix [rows, channels] is shared out among blocks. Channels are read in packs of `lanes`
// that lie side by side, kTile packs a block; the rows of such a tile go to `splits` blocks. The
// shares depend on the matrix alone, so that sums have the same bits on any card. For
// kernels/*.cu.
#pragma once
#include <algorithm>
#include <cstdint>

#include "kernels/column_scratch.h"
#include "kernels/launch.h"

namespace peclr::kernels {

struct ColumnShares {
  static constexpr int kTile = kColumnTile;  // packs

  std::int64_t rows;
  int packs;   // a row
  int tiles;   // of kTile packs, the last perhaps with fewer
  int splits;  // of the rows
};

// At least `rows_a_split` rows each, and about `blocks` blocks in all. Throws std::invalid_argument
// for a matrix of nothing.
inline ColumnShares column_shares(std::int64_t rows, int channels, int lanes,
                                  std::int64_t rows_a_split, int blocks) {
  require(rows > 0 && channels > 0, "a kernel over columns needs rows and channels");
  ColumnShares s{rows, channels / lanes, 0, 0};
  s.tiles = (s.packs + ColumnShares::kTile - 1) / ColumnShares::kTile;
  const std::int64_t most = std::max(1, blocks / s.tiles);
  s.splits =
      static_cast<int>(std::clamp((rows + rows_a_split - 1) / rows_a_split, std::int64_t{1}, most));
  return s;
}

inline Grid grid_of(const ColumnShares& s) {
  return {.x = static_cast<unsigned>(s.tiles), .y = static_cast<unsigned>(s.splits)};
}

}  // namespace peclr::kernels
