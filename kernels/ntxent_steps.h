// SPDX-License-Identifier: Apache-2.0
// What happens before and after the tiles, and how the work is cut: inner parts of
// ntxent_kernels.h.
#pragma once
#include <algorithm>

#include "kernels/bf16.h"
#include "kernels/host_device.h"
#include "kernels/launch.h"
#include "kernels/ntxent_kernels.h"

namespace peclr::kernels {

inline constexpr int kNtxentRowMultiple = 128, kNtxentTileRows = 64;

// Operands are [padded_rows, padded_dim], zeros in the padding, so that all tiles are whole. They
// lie as matrices of 8 rows by a pack, row after row, 128 bytes each, those of the same rows one
// behind the other. So a warp takes what the tensor cores ask for, from memory and from shared
// memory, out of as many banks as there are.
inline constexpr int kMatrixRows = 8;
// Of `packs` to a row, the place of one.
PECLR_HD constexpr int pack_place(int packs, int row, int pack) {
  return (row / kMatrixRows * packs + pack) * kMatrixRows + row % kMatrixRows;
}

struct NtxentSizes {
  int rows, dim, padded_rows, padded_dim;

  explicit NtxentSizes(const NtxentSpec& spec)
      : rows(static_cast<int>(spec.rows)),
        dim(static_cast<int>(spec.dim)),
        padded_rows((rows + kNtxentRowMultiple - 1) / kNtxentRowMultiple * kNtxentRowMultiple),
        padded_dim(dim <= 128 ? 128 : 256) {}

  // Parts that the columns are cut into, for about so many blocks: 1 to `most`, each with columns
  // of its own.
  int splits(int blocks, int most) const {
    return std::clamp(blocks / (padded_rows / kNtxentRowMultiple), 1,
                      std::min(most, (rows + kNtxentTileRows - 1) / kNtxentTileRows));
  }
};

// Throws std::invalid_argument for what the kernels do not take; else f.operator()<T>() for the
// type of the operands.
template <class F>
auto with_operands(const NtxentProblem& problem, F f) {
  const auto& [rows, dim, temperature] = problem.spec;
  require(rows >= 2 && rows % 2 == 0 && rows <= 1 << 24, "ntxent: rows must be even, 2 to 2^24");
  require(dim >= 1 && dim <= kNtxentMaxDim, "ntxent: the kernels take 1 to 256 dimensions");
  require(temperature > 0, "ntxent: the temperature must be above 0");
  return problem.operands == NtxentOperands::bf16 ? f.template operator()<bf16>()
                                                  : f.template operator()<float>();
}

// f.operator()<padded_dim>().
template <class F>
void with_padded_dim(const NtxentSizes& sizes, F f) {
  if (sizes.padded_dim == 128)
    f.template operator()<128>();
  else
    f.template operator()<256>();
}

// Scratch memory, carved up; with nullptr it only counts.
class Carver {
 public:
  explicit Carver(void* memory) : memory_(static_cast<std::byte*>(memory)) {}
  template <class T>
  T* take(std::size_t count) {
    std::byte* const taken = memory_ ? memory_ + used_ : nullptr;
    used_ += (count * sizeof(T) + 255) / 256 * 256;
    return reinterpret_cast<T*>(taken);
  }
  std::size_t used() const { return used_; }

 private:
  std::byte* memory_;
  std::size_t used_ = 0;
};

// Sums over rows, for the statistics of the embedding.
struct ColumnMoments {
  double sum, squares;
};
inline constexpr int kColumnSumRows = 32;  // of z that one block adds up

// Writes the operands and, where asked for, column sums [blocks of kColumnSumRows, padded_dim] of
// what it wrote; sets *finished to 0.
template <class T>
struct NtxentOperandsJob {
  const float* z;
  T* operands;
  ColumnMoments* sums;
  unsigned* finished;
};
void write_operands(const NtxentSizes& sizes, const NtxentOperandsJob<float>& job, Stream stream);
void write_operands(const NtxentSizes& sizes, const NtxentOperandsJob<bf16>& job, Stream stream);

struct AnchorSums {
  double loss = 0, top1 = 0, positive = 0;
};
// Puts together what the parts of the columns say of each anchor and writes anchors and summary.
struct NtxentSummaryJob {
  const LogSumExp* negatives;  // [splits, rows]
  const float* positives;      // [rows], similarities
  const ColumnMoments* sums;
  AnchorSums* block_sums;        // [blocks of kSummaryThreads rows]
  ColumnMoments* block_columns;  // the same, [.., padded_dim]
  unsigned* finished;            // 0
  int splits;
};
inline constexpr int kSummaryThreads = 512;
void summarise(const NtxentSizes& sizes, const NtxentSummaryJob& job, float temperature,
               const NtxentAnchors& anchors, NtxentSummary* summary, Stream stream);

}  // namespace peclr::kernels
