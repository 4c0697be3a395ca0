// SPDX-License-Identifier: Apache-2.0
#include "kernels/ntxent_product.h"

namespace peclr::kernels {
namespace {

// Sums of push lie as the tensor cores leave them, float2 by float2 of a warp's lanes: in matrices
// of 8 rows and 8 columns, those of the same rows one behind the other. This is the first of rows
// 8 group .. 8 group + 7 in part `part`.
PECLR_DEVICE std::int64_t push_place(int rows, int dim, int part, int group) {
  const int groups = (rows + kMatrixRows - 1) / kMatrixRows;
  return (std::int64_t{part} * groups + group) * kMatrixRows * dim;
}

// push_i (kernels/ntxent.h) over a part of the columns: own rows x, part y.
template <class T, int kDim>
struct NtxentPush {
  struct Params {
    const T* operands;
    const float* lse;  // [rows]
    float* push;       // [gridDim.y, rows, kDim], see push_place
    int rows;
    float scale;  // from z_i . z_j to similarities in units of ln 2
  };
  static constexpr int kThreads = kNtxentThreads;
  static constexpr int kColumns = 16;
  struct Shared {
    Tile<T, kDim> tiles[2];
  };

  PECLR_DEVICE static void run(const Params& p, Shared& s) {
    const int first_row = first_row_of_warp<kDim>();
    const WarpProduct<T, kDim> product(p.operands + std::int64_t{first_row} * kDim);
    float own_lse[kRowFragments<kDim>][2];
    PECLR_UNROLL
    for (int m = 0; m < kRowFragments<kDim>; ++m)
      for (int half = 0; half < 2; ++half) {
        const int row = first_row + 16 * m + fragment_row(2 * half);
        own_lse[m][half] = row < p.rows ? p.lse[row] : 0.f;
      }

    WarpMatrix<kDim, kDim> push;
    constexpr int kRows = Tile<T, kDim>::kRows;
    for_each_tile(s.tiles, p.operands, p.rows, [&](Tile<T, kDim>& tile, int first) {
      PECLR_UNROLL_BY(1)
      for (int column = 0; column < kRows; column += kColumns) {
        float2 lse[kColumns / 8];
        PECLR_UNROLL
        for (int n = 0; n < kColumns / 8; ++n) lse[n] = lse_at(p, first + column + 8 * n);
        WarpMatrix<kDim, kColumns> pairs = product.template similarities<kColumns>(tile, column);
        PECLR_UNROLL
        for (int m = 0; m < kRowFragments<kDim>; ++m)
          for (int n = 0; n < kColumns / 8; ++n)
            for (int i = 0; i < 4; ++i)
              pairs.c[m][n][i] = push_base2(pairs.c[m][n][i], p.scale, own_lse[m][i / 2],
                                            i % 2 ? lse[n].y : lse[n].x);
        if (has_exceptions<kDim, kColumns>(first_row, first + column, p.rows))
          mask(p, first_row, first + column, pairs);
        product.add(pairs, tile, column, push);
      }
    });
    write(p, first_row, push);
  }

 private:
  // lse of the lane's two columns of a fragment; anything for padding, whose rows are zeros.
  PECLR_DEVICE static float2 lse_at(const Params& p, int first_column) {
    const int column = first_column + fragment_column(0);
    return column < p.rows ? __ldg(reinterpret_cast<const float2*>(p.lse + column))
                           : make_float2(0.f, 0.f);
  }

  PECLR_DEVICE static void mask(const Params& p, int first_row, int first_column,
                                WarpMatrix<kDim, kColumns>& pairs) {
    const int ahead = first_column - first_row, half = p.rows / 2, columns = p.rows - first_column;
    for_each_element(pairs, [&](int row, int column, float& pair) {
      const int apart = column - row + ahead;  // by half, either way, from the positive
      if (apart == 0 || apart == half || apart == -half || column >= columns) pair = 0;
    });
  }

  PECLR_DEVICE static void write(const Params& p, int first_row,
                                 const WarpMatrix<kDim, kDim>& push) {
    PECLR_UNROLL
    for (int m = 0; m < kRowFragments<kDim>; ++m)
      for (int half = 0; half < 2; ++half) {
        const int row = first_row + 16 * m + kMatrixRows * half;
        if (row >= p.rows) continue;
        const std::int64_t place =
            push_place(p.rows, kDim, static_cast<int>(blockIdx.y), row / kMatrixRows);
        float2* const out = reinterpret_cast<float2*>(p.push + place) + lane_index();
        PECLR_UNROLL
        for (int d = 0; d < kDim / 8; ++d)
          out[d * kWarp] = make_float2(push.c[m][d][2 * half], push.c[m][d][2 * half + 1]);
      }
  }
};

// dz from the parts of push. A block has 8 rows, a warp 32 columns of them, a lane two packs of one
// row. push may be dz: all that a block has is read before any of it is written.
template <class T, int kDim>
struct NtxentGradient {
  struct Params {
    const T* operands;
    const float* push;  // [splits, rows, kDim], see push_place
    const float* loss;  // [rows]
    const float* dloss;
    float* dz;  // [rows, dim]
    int rows, dim, splits;
    float scale;  // 1 / (rows * temperature)
  };
  static constexpr int kThreads = kDim;
  using Shared = NoShared;
  struct alignas(4 * sizeof(T)) Four {
    T v[4];
  };
  static constexpr int kOwn = 2;  // packs of a lane

  PECLR_DEVICE static void run(const Params& p, Shared&) {
    const int group = static_cast<int>(blockIdx.x), first = kWarp * warp_index();
    Pack<float> sum[kOwn] = {};
    for (int part = 0; part < p.splits; ++part) {
      const float* const from =
          p.push + push_place(p.rows, kDim, part, group) + kMatrixRows * first;
      PECLR_UNROLL
      for (int own = 0; own < kOwn; ++own) {
        const Pack<float> more = load_pack(from + 4 * (kWarp * own + lane_index()));
        PECLR_UNROLL
        for (int i = 0; i < 4; ++i) sum[own][i] += more[i];
      }
    }
    __syncthreads();
    const int row = kMatrixRows * group + lane_index() % 16 / 2;
    if (row >= p.rows) return;
    const int positive = positive_of(row, p.rows);
    const float both = pull(p.loss[row]) + pull(p.loss[positive]);
    const float scale = *p.dloss * p.scale;
    PECLR_UNROLL
    for (int own = 0; own < kOwn; ++own) {
      const int at = first + 16 * own + lane_index() / 16 * 8 + lane_index() % 2 * 4;
      constexpr int kPack = kPackSize<T>;
      const std::int64_t place = pack_place(kDim / kPack, positive, at / kPack);
      const Four pulled = *reinterpret_cast<const Four*>(p.operands + place * kPack + at % kPack);
      PECLR_UNROLL
      for (int i = 0; i < 4; ++i)
        sum[own][i] = scale * (sum[own][i] - both * to_float(pulled.v[i]));
      write(p, row, at, sum[own]);
    }
  }

 private:
  PECLR_DEVICE static void write(const Params& p, int row, int at, const Pack<float>& values) {
    float* const out = p.dz + std::int64_t{row} * p.dim + at;
    if (p.dim % 4 == 0) {  // rows are aligned
      if (at < p.dim) store_pack(out, values);
    } else {
      PECLR_UNROLL
      for (int i = 0; i < 4; ++i)
        if (at + i < p.dim) out[i] = values[i];
    }
  }
};

template <class T>
struct Workspace {
  T* operands;
  float* push;  // nullptr where dz serves
  int splits;
  std::size_t bytes;

  Workspace(const NtxentProblem& problem, void* memory) {
    const NtxentSizes sizes(problem.spec);
    Carver carver(memory);
    splits = sizes.splits(problem.blocks, 8);
    const auto padded_dim = static_cast<std::size_t>(sizes.padded_dim);
    operands = carver.take<T>(sizes.padded_rows * padded_dim);
    const bool in_place =
        splits == 1 && sizes.dim == sizes.padded_dim && sizes.rows % kMatrixRows == 0;
    push = in_place ? nullptr : carver.take<float>(splits * (sizes.padded_rows * padded_dim));
    bytes = carver.used();
  }
};

}  // namespace

std::size_t ntxent_backward_workspace(const NtxentProblem& problem) {
  return with_operands(problem, [&]<class T>() { return Workspace<T>(problem, nullptr).bytes; });
}

void ntxent_backward(const NtxentProblem& problem, const float* z, const NtxentAnchors& anchors,
                     const float* dloss, void* workspace, float* dz, Stream stream) {
  with_operands(problem, [&]<class T>() {
    const NtxentSizes sizes(problem.spec);
    const float temperature = problem.spec.temperature;
    const Workspace<T> w(problem, workspace);
    float* const push = w.push ? w.push : dz;
    write_operands(sizes, {z, w.operands, nullptr, nullptr}, stream);
    with_padded_dim(sizes, [&]<int kDim>() {
      launch<NtxentPush<T, kDim>>(
          {.x = blocks_for(sizes.rows, kOwnRows<kDim>), .y = static_cast<unsigned>(w.splits)},
          {w.operands, anchors.lse, push, sizes.rows, kLog2e / temperature}, stream);
      using Gradient = NtxentGradient<T, kDim>;
      launch<Gradient>({.x = blocks_for(sizes.rows, kMatrixRows)},
                       {w.operands, push, anchors.loss, dloss, dz, sizes.rows, sizes.dim, w.splits,
                        1.f / (static_cast<float>(sizes.rows) * temperature)},
                       stream);
    });
  });
}

}  // namespace peclr::kernels
