// SPDX-License-Identifier: Apache-2.0
// The two products of NT-Xent, of a warp's own rows with rows of a tile: similarities, and weighted
// sums of the tile's rows; on the tensor cores for bf16, by multiply-adds for f32. Either way a
// matrix lies over the lanes as mma.h says of C.
#pragma once
#include "kernels/mma.h"
#include "kernels/ntxent_tile.h"

namespace peclr::kernels {

// A lane's part of a matrix [kWarpRows, kColumns]: of each fragment [16, 8] four elements.
template <int kDim, int kColumns>
struct WarpMatrix {
  float c[kRowFragments<kDim>][kColumns / 8][4] = {};
};
// Row and column of element i of a fragment.
PECLR_DEVICE int fragment_row(int i) { return lane_index() / 4 + i / 2 * 8; }
PECLR_DEVICE int fragment_column(int i) { return lane_index() % 4 * 2 + i % 2; }

// f(row, column, value), row and column counted from the warp's first.
template <int kDim, int kColumns, class F>
PECLR_DEVICE void for_each_element(WarpMatrix<kDim, kColumns>& s, F f) {
  PECLR_UNROLL
  for (int m = 0; m < kRowFragments<kDim>; ++m)
    for (int n = 0; n < kColumns / 8; ++n)
      for (int i = 0; i < 4; ++i)
        f(16 * m + fragment_row(i), 8 * n + fragment_column(i), s.c[m][n][i]);
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
          const int place = pack_place(kDim / 8, 16 * m + i % 2 * 8, 2 * k + i / 2);
          own_[m][k][i] =
              __ldg(reinterpret_cast<const unsigned*>(own_rows + place * 8) + lane_index());
        }
  }

  template <int kColumns>
  PECLR_DEVICE WarpMatrix<kDim, kColumns> similarities(Tile<bf16, kDim>& tile, int column) const {
    WarpMatrix<kDim, kColumns> s;
    PECLR_UNROLL
    for (int k = 0; k < kDim / 16; ++k)
      for (int n = 0; n < kColumns / 8; n += 2) {
        Word b[4];
        load_matrices<MatrixLoad::plain>(
            b, &tile.at(column + 8 * n + lane_index() / 16 * 8 + lane_index() % 8,
                        2 * k + lane_index() / 8 % 2));
        PECLR_UNROLL
        for (int m = 0; m < kRowFragments<kDim>; ++m) {
          mma(s.c[m][n], own_[m][k], b[0], b[1]);
          mma(s.c[m][n + 1], own_[m][k], b[2], b[3]);
        }
      }
    return s;
  }

  // sum += weights . rows of the tile from `column`.
  PECLR_DEVICE static void add(const WarpMatrix<kDim, 16>& weights, Tile<bf16, kDim>& tile,
                               int column, WarpMatrix<kDim, kDim>& sum) {
    Word a[kRowFragments<kDim>][4];
    PECLR_UNROLL
    for (int m = 0; m < kRowFragments<kDim>; ++m)
      for (int i = 0; i < 4; ++i)
        a[m][i] = pack_bf16(weights.c[m][i / 2][i % 2 * 2], weights.c[m][i / 2][i % 2 * 2 + 1]);
    PECLR_UNROLL
    for (int d = 0; d < kDim / 8; d += 2) {
      Word b[4];
      load_matrices<MatrixLoad::transposed>(
          b, &tile.at(column + lane_index() / 8 % 2 * 8 + lane_index() % 8, d + lane_index() / 16));
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
  PECLR_DEVICE WarpMatrix<kDim, kColumns> similarities(Tile<float, kDim>& tile, int column) const {
    WarpMatrix<kDim, kColumns> s;
    for (int pack = 0; pack < kDim / 4; ++pack) {
      Pack<float> own[kRowFragments<kDim>][2];
      PECLR_UNROLL
      for (int m = 0; m < kRowFragments<kDim>; ++m)
        for (int half = 0; half < 2; ++half)
          own[m][half] = load_pack_read_only(
              own_ + 4 * pack_place(kDim / 4, 16 * m + lane_index() / 4 + 8 * half, pack));
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

  PECLR_DEVICE static void add(const WarpMatrix<kDim, 16>& weights, Tile<float, kDim>& tile,
                               int column, WarpMatrix<kDim, kDim>& sum) {
    // The weights: element j % 2 of fragment j / 8, in lane j / 2 % 4.
    PECLR_UNROLL_BY(1)  // or the addresses of several rows cost more registers than there are
    for (int j = 0; j < 16; ++j) {
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
      for (int d = 0; d < kDim / 8; ++d) {
        const float* const z =
            &tile.at(column + j, 2 * d + fragment_column(0) / 4).v[fragment_column(0) % 4];
        for (int i = 0; i < 2; ++i)
          for (int m = 0; m < kRowFragments<kDim>; ++m)
            for (int half = 0; half < 2; ++half)
              sum.c[m][d][i + 2 * half] = fmaf(w[m][half], z[i], sum.c[m][d][i + 2 * half]);
      }
    }
  }

 private:
  const float* own_;
};

}  // namespace peclr::kernels
