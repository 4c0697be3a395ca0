// SPDX-License-Identifier: Apache-2.0
// How both passes of NT-Xent walk over pairs of rows: a block owns kOwnRows rows, kWarpRows to a
// warp, and meets all others in tiles that stream through shared memory.
#pragma once
#include "kernels/async_copy.h"
#include "kernels/ntxent_steps.h"
#include "kernels/pack.h"

namespace peclr::kernels {

inline constexpr int kNtxentThreads = 128;

// Fragments of 16 rows to a warp: two, so that what it loads of a tile is used twice, as long as
// the registers hold their gradient.
template <int kDim>
inline constexpr int kRowFragments = kDim <= 128 ? 2 : 1;
template <int kDim>
inline constexpr int kWarpRows = 16 * kRowFragments<kDim>;
template <int kDim>
inline constexpr int kOwnRows = kNtxentThreads / kWarp* kWarpRows<kDim>;

template <int kDim>
PECLR_DEVICE int first_row_of_warp() {
  return static_cast<int>(blockIdx.x) * kOwnRows<kDim> + warp_index() * kWarpRows<kDim>;
}

// Up to kNtxentTileRows rows, 32 KiB, as the operands lie in memory.
template <class T, int kDim>
struct Tile {
  static constexpr int kPacks = kDim / kPackSize<T>;
  static constexpr int kMostRows = (32 << 10) / (kDim * static_cast<int>(sizeof(T)));
  static constexpr int kRows = kMostRows < kNtxentTileRows ? kMostRows : kNtxentTileRows;
  static_assert(kRows % 32 == 0 && kNtxentRowMultiple % kRows == 0);
  Pack<T> packs[kRows * kPacks];

  PECLR_DEVICE Pack<T>& at(int row, int pack) { return packs[pack_place(kPacks, row, pack)]; }

  PECLR_DEVICE void fetch(AsyncCopies& copies, const T* rows) {
    PECLR_UNROLL_BY(1)
    for (unsigned i = threadIdx.x; i < kRows * kPacks; i += kNtxentThreads)
      copies.add(&packs[i], rows + i * kPackSize<T>);
  }
};

// Calls visit(tile, its first row) for the tiles of part blockIdx.y of gridDim.y of the rows, the
// next tile on its way.
template <class T, int kDim, class Visit>
PECLR_DEVICE void for_each_tile(Tile<T, kDim> (&tiles)[2], const T* z, int rows, Visit visit) {
  constexpr int kRows = Tile<T, kDim>::kRows;
  const unsigned all = static_cast<unsigned>(rows + kRows - 1) / kRows;
  const auto first = static_cast<int>(all * blockIdx.y / gridDim.y),
             last = static_cast<int>(all * (blockIdx.y + 1) / gridDim.y);
  const auto rows_of = [z](int tile) { return z + std::int64_t{tile} * kRows * kDim; };
  AsyncCopies copies;
  if (first < last) tiles[0].fetch(copies, rows_of(first));
  copies.commit();
  for (int tile = first; tile < last; ++tile) {
    Tile<T, kDim>& now = tiles[(tile - first) % 2];
    Tile<T, kDim>& next = tiles[(tile - first + 1) % 2];
    if (tile + 1 < last) next.fetch(copies, rows_of(tile + 1));
    copies.commit();
    copies.template wait<1>();
    __syncthreads();
    visit(now, tile * kRows);
    __syncthreads();
  }
}

// Whether some of the columns from `column` are no negatives of some of the warp's rows from `row`,
// and which: the anchor itself, its positive, padding.
template <int kDim, int kColumns>
PECLR_DEVICE bool has_exceptions(int row, int column, int rows) {
  const auto meet = [](int apart) { return -kWarpRows<kDim> < apart && apart < kColumns; };
  const int apart = row - column;
  return meet(apart) || meet(apart + rows / 2) || meet(apart - rows / 2) ||
         column + kColumns > rows;
}

}  // namespace peclr::kernels
