// SPDX-License-Identifier: Apache-2.0
#include "kernels/launch.h"
#include "kernels/ntxent_steps.h"
#include "kernels/pack.h"

namespace peclr::kernels {
namespace {

// A thread has a column of kColumnSumRows rows, or two.
template <class T>
struct NtxentOperandsKernel {
  struct Params {
    NtxentSizes sizes;
    NtxentOperandsJob<T> job;
  };
  static constexpr int kThreads = 128;
  using Shared = NoShared;

  PECLR_DEVICE static void run(const Params& p, Shared&) {
    const auto& [rows, dim, padded_rows, padded_dim] = p.sizes;
    const int first = static_cast<int>(blockIdx.x) * kColumnSumRows;
    if (blockIdx.x == 0 && threadIdx.x == 0 && p.job.finished) *p.job.finished = 0;
    for (int column = static_cast<int>(threadIdx.x); column < padded_dim; column += kThreads) {
      // All loads before the first store: the compiler cannot know that none changes another's
      // value, and would wait for each.
      float z[kColumnSumRows];
      PECLR_UNROLL
      for (int k = 0; k < kColumnSumRows; ++k) {
        const bool real = first + k < rows && column < dim;
        z[k] = real ? p.job.z[std::int64_t{first + k} * dim + column] : 0.f;
      }
      constexpr int kPack = kPackSize<T>;
      const int packs = padded_dim / kPack;
      T* const column_of = p.job.operands +
                           std::int64_t{pack_place(packs, first, column / kPack)} * kPack +
                           column % kPack;
      ColumnMoments sums{0, 0};
      PECLR_UNROLL
      for (int k = 0; k < kColumnSumRows; ++k) {
        T& out = column_of[pack_place(packs, k, 0) * kPack];
        store(out, z[k]);
        const double x = to_float(out);
        sums.sum += x;
        sums.squares += x * x;
      }
      if (p.job.sums) p.job.sums[std::int64_t{blockIdx.x} * padded_dim + column] = sums;
    }
  }
};

template <class T>
void write(const NtxentSizes& sizes, const NtxentOperandsJob<T>& job, Stream stream) {
  launch<NtxentOperandsKernel<T>>({.x = blocks_for(sizes.padded_rows, kColumnSumRows)},
                                  {sizes, job}, stream);
}

}  // namespace

void write_operands(const NtxentSizes& sizes, const NtxentOperandsJob<float>& job, Stream stream) {
  write(sizes, job, stream);
}
void write_operands(const NtxentSizes& sizes, const NtxentOperandsJob<bf16>& job, Stream stream) {
  write(sizes, job, stream);
}

}  // namespace peclr::kernels
