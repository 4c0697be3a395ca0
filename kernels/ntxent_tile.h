// SPDX-License-Identifier: Apache-2.0
// What both passes of NT-Xent have in common. A block owns kOwnRows rows, kWarpRows to a warp, and
// meets all others in tiles that stream through shared memory. WarpProduct makes the similarities
// of a warp's rows with rows of the tile, and adds up weighted rows of the tile: on the tensor
// cores for bf16, by multiply-adds for f32. Either way a lane holds the elements that mma.h calls
// C.
#pragma once
#include "kernels/async_copy.h"
#include "kernels/launch.h"
#include "kernels/mma.h"
#include "kernels/ntxent_steps.h"
#include "kernels/pack.h"

namespace peclr::kernels {

inline constexpr int kNtxentThreads = 128;

// 16-row fragments of a warp: two, so that what it loads of a tile is used twice, as long as the
// registers hold their gradient.
template <int kDim>
inline constexpr int kRowFragments = kDim <= 128 ? 2 : 1;
template <int kDim>
inline constexpr int kWarpRows = 16 * kRowFragments<kDim>;
template <int kDim>
inline constexpr int kOwnRows = kWarpRows<kDim>* kNtxentThreads / kWarp;

// Of a lane: C fragments of its warp's rows and kColumns columns.
template <int kDim, int kColumns>
struct Similarities {
  float c[kRowFragments<kDim>][kColumns / 8][4] = {};
};
// Row and column of element i of a C fragment.
PECLR_DEVICE int fragment_row(int i) { return lane_index() / 4 + i / 2 * 8; }
PECLR_DEVICE int fragment_column(int i) { return lane_index() % 4 * 2 + i % 2; }

// Up to 64 rows, 32 KiB. The packs of a row are permuted so that the same pack of eight
// neighbouring rows lies in eight different groups of banks.
template <class T, int kDim>
struct Tile {
  static constexpr int kPacks = kDim / kPackSize<T>;
  static constexpr int kMostRows = (32 << 10) / (kDim * static_cast<int>(sizeof(T)));
  static constexpr int kRows = kMostRows < 64 ? kMostRows : 64;
  static_assert(kPacks % 8 == 0 && kRows % 32 == 0 && kNtxentRowMultiple % kRows == 0);
  Pack<T> packs[kRows * kPacks];

  PECLR_DEVICE Pack<T>& at(int row, int pack) { return packs[row * kPacks + (pack ^ (row & 7))]; }

  PECLR_DEVICE void fetch(AsyncCopies& copies, const T* rows) {
    constexpr int kAtOnce = kNtxentThreads / kPacks;  // rows
    const int row = static_cast<int>(threadIdx.x) / kPacks,
              pack = static_cast<int>(threadIdx.x) % kPacks;
    PECLR_UNROLL_BY(1)
    for (int i = 0; i < kRows; i += kAtOnce)
      copies.add(&at(row + i, pack), rows + (row + i) * kDim + pack * kPackSize<T>);
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

// f(row fragment, element, row, column, value), row and column counted from the warp's first.
template <int kDim, int kColumns, class F>
PECLR_DEVICE void for_each_element(Similarities<kDim, kColumns>& s, F f) {
  PECLR_UNROLL
  for (int m = 0; m < kRowFragments<kDim>; ++m)
    for (int n = 0; n < kColumns / 8; ++n)
      for (int i = 0; i < 4; ++i)
        f(m, i, 16 * m + fragment_row(i), 8 * n + fragment_column(i), s.c[m][n][i]);
}

template <class T, int kDim>
class WarpProduct;

template <int kDim>
class WarpProduct<bf16, kDim> {
 public:
  PECLR_DEVICE explicit WarpProduct(const bf16* own_rows) {
    PECLR_UNROLL
    for (int m = 0; m < kRowFragments<kDim>; ++m)
      for (int k = 0; k < kDim / 16; ++k)
        for (int i = 0; i < 4; ++i) {
          const int row = 16 * m + lane_index() / 4 + i % 2 * 8;
          const int at = 16 * k + lane_index() % 4 * 2 + i / 2 * 8;
          own_[m][k][i] = __ldg(reinterpret_cast<const unsigned*>(own_rows + row * kDim + at));
        }
  }

  template <int kColumns>
  PECLR_DEVICE Similarities<kDim, kColumns> similarities(Tile<bf16, kDim>& tile, int column) const {
    Similarities<kDim, kColumns> s;
    PECLR_UNROLL
    for (int k = 0; k < kDim / 16; ++k)
      for (int n = 0; n < kColumns / 8; n += 2) {
        Word b[4];
        load_matrices<MatrixLoad::plain>(
            b, &tile.at(column + 8 * n + lane_index() / 16 * 8 + lane_index() % 8,
                        2 * k ^ lane_index() / 8 % 2));
        PECLR_UNROLL
        for (int m = 0; m < kRowFragments<kDim>; ++m) {
          mma(s.c[m][n], own_[m][k], b[0], b[1]);
          mma(s.c[m][n + 1], own_[m][k], b[2], b[3]);
        }
      }
    return s;
  }

  // sum += weights . rows of the tile from `column`.
  PECLR_DEVICE static void add(const Similarities<kDim, 16>& weights, Tile<bf16, kDim>& tile,
                               int column, Similarities<kDim, kDim>& sum) {
    Word a[kRowFragments<kDim>][4];
    PECLR_UNROLL
    for (int m = 0; m < kRowFragments<kDim>; ++m)
      for (int i = 0; i < 4; ++i)
        a[m][i] = pack_bf16(weights.c[m][i / 2][i % 2 * 2], weights.c[m][i / 2][i % 2 * 2 + 1]);
    PECLR_UNROLL
    for (int d = 0; d < kDim / 8; d += 2) {
      Word b[4];
      load_matrices<MatrixLoad::transposed>(
          b, &tile.at(column + lane_index() / 8 % 2 * 8 + lane_index() % 8, d ^ lane_index() / 16));
      PECLR_UNROLL
      for (int m = 0; m < kRowFragments<kDim>; ++m) {
        mma(sum.c[m][d], a[m], b[0], b[1]);
        mma(sum.c[m][d + 1], a[m], b[2], b[3]);
      }
    }
  }

 private:
  Word own_[kRowFragments<kDim>][kDim / 16][4];
};

template <int kDim>
class WarpProduct<float, kDim> {
 public:
  PECLR_DEVICE explicit WarpProduct(const float* own_rows) : own_(own_rows) {}

  template <int kColumns>
  PECLR_DEVICE Similarities<kDim, kColumns> similarities(Tile<float, kDim>& tile,
                                                         int column) const {
    Similarities<kDim, kColumns> s;
    for (int pack = 0; pack < kDim / 4; ++pack) {
      Pack<float> own[kRowFragments<kDim>][2];
      PECLR_UNROLL
      for (int m = 0; m < kRowFragments<kDim>; ++m)
        for (int half = 0; half < 2; ++half)
          own[m][half] =
              load_pack_read_only(own_ + (16 * m + lane_index() / 4 + 8 * half) * kDim + 4 * pack);
      PECLR_UNROLL
      for (int n = 0; n < kColumns / 8; ++n)
        for (int i = 0; i < 2; ++i) {
          const Pack<float> other = tile.at(column + 8 * n + fragment_column(i), pack);
          PECLR_UNROLL
          for (int m = 0; m < kRowFragments<kDim>; ++m)
            for (int k = 0; k < 4; ++k) {
              s.c[m][n][i] = fmaf(own[m][0][k], other[k], s.c[m][n][i]);
              s.c[m][n][i + 2] = fmaf(own[m][1][k], other[k], s.c[m][n][i + 2]);
            }
        }
    }
    return s;
  }

  PECLR_DEVICE static void add(const Similarities<kDim, 16>& weights, Tile<float, kDim>& tile,
                               int column, Similarities<kDim, kDim>& sum) {
    PECLR_UNROLL_BY(1)  // or the addresses of several rows cost more registers than there are
    for (int j = 0; j < 16;
         ++j) {  // the weights: element j % 2 of fragment j / 8, in lane j / 2 % 4
      float w[kRowFragments<kDim>][2];
      PECLR_UNROLL
      for (int m = 0; m < kRowFragments<kDim>; ++m)
        for (int half = 0; half < 2; ++half) {
          const auto& c = weights.c[m];
          const float low = j % 2 ? c[0][2 * half + 1] : c[0][2 * half];
          const float high = j % 2 ? c[1][2 * half + 1] : c[1][2 * half];
          w[m][half] = __shfl_sync(kAllLanes, j < 8 ? low : high, j / 2 % 4, 4);
        }
      PECLR_UNROLL
      for (int d = 0; d < kDim / 8; ++d)
        for (int i = 0; i < 2; ++i) {
          const float z =
              tile.at(column + j, 2 * d ^ fragment_column(i) / 4)[fragment_column(i) % 4];
          PECLR_UNROLL
          for (int m = 0; m < kRowFragments<kDim>; ++m)
            for (int half = 0; half < 2; ++half)
              sum.c[m][d][i + 2 * half] = fmaf(w[m][half], z, sum.c[m][d][i + 2 * half]);
        }
    }
  }

 private:
  const float* own_;
};

}  // namespace peclr::kernels
