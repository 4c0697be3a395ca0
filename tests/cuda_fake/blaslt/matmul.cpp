// SPDX-License-Identifier: Apache-2.0
// D = alpha op(A) op(B) + beta C (+ a bias for each row of D), all column-major (cuBLAS's
// documentation, cublasLtMatmul), and the algorithm that is offered for it.
#include <algorithm>
#include <bit>
#include <cstring>
#include <vector>

#include "tests/cuda_fake/blaslt/descriptors.h"
#include "tests/cuda_fake/numbers.h"
#include "tests/cuda_fake/work.h"

namespace peclr::fake {
namespace {

constexpr std::uint64_t kWorkspace = 5000;

// What an algorithm was chosen by, kept in cublasLtMatmulAlgo_t.
struct Algorithm {
  std::uint32_t alignment[4], bias_alignment;
  std::uint64_t workspace_bytes;
};
static_assert(sizeof(Algorithm) <= sizeof(cublasLtMatmulAlgo_t));

// The largest power of two, up to 256, that divides the address; 256 of null.
std::uint32_t alignment_of(const void* p) {
  return 1u << std::countr_zero(reinterpret_cast<std::uintptr_t>(p) | 256);
}

Number number(const Layout& l) { return l.type == CUDA_R_32F ? Number::f32 : Number::bf16; }
std::size_t bytes_of(const Layout& l) {
  return static_cast<std::size_t>((l.columns - 1) * l.leading + l.rows) * size_of(number(l));
}

// The rule that is broken, or null.
const char* fault_of(const Operation& op, const Layout& a, const Layout& b, const Layout& c,
                     const Layout& d) {
  const std::int64_t m = op.transpose_a ? a.columns : a.rows,
                     k = op.transpose_a ? a.rows : a.columns;
  const std::int64_t kb = op.transpose_b ? b.columns : b.rows,
                     n = op.transpose_b ? b.rows : b.columns;
  if (m < 1 || n < 1 || k < 1) return "a matrix without elements";
  for (const Layout* l : {&a, &b, &c, &d})
    if (l->leading < l->rows) return "a leading dimension is less than the number of rows";
  if (k != kb) return "op(A) has as many columns as op(B) has rows";
  if (d.rows != m || d.columns != n) return "D has the rows of op(A) and the columns of op(B)";
  if (c.rows != m || c.columns != n) return "C has the shape of D";
  if (a.type != b.type || c.type != d.type) return "A and B, and C and D, have the same type";
  if (d.type != CUDA_R_32F) return "results other than f32 are not stood in for";
  if (a.type != CUDA_R_32F && op.compute == CUBLAS_COMPUTE_32F_FAST_TF32)
    return "TF32 is a way to multiply f32";
  if (op.epilogue != CUBLASLT_EPILOGUE_DEFAULT && op.epilogue != CUBLASLT_EPILOGUE_BIAS)
    return "an epilogue that is not stood in for";
  return nullptr;
}

// [rows, columns] of op(X), row-major.
std::vector<float> operand(const void* data, const Layout& l, bool transpose, bool cut) {
  std::vector<float> all;
  all.reserve(static_cast<std::size_t>(l.rows * l.columns));
  for (std::int64_t i = 0; i < (transpose ? l.columns : l.rows); ++i)
    for (std::int64_t j = 0; j < (transpose ? l.rows : l.columns); ++j) {
      const float x = load(data, transpose ? j + i * l.leading : i + j * l.leading, number(l));
      all.push_back(cut ? tf32(x) : x);
    }
  return all;
}

}  // namespace
}  // namespace peclr::fake

using namespace peclr::fake;

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t operation,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t preference, int most,
                                              cublasLtMatmulHeuristicResult_t found[], int* count) {
  constexpr const char* kName = "cublasLtMatmulAlgoGetHeuristic";
  *count = 0;
  const Operation& op = the(operation);
  if (const char* fault = fault_of(op, the(a), the(b), the(c), the(d)))
    return refuse(CUBLAS_STATUS_INVALID_VALUE, kName, fault);
  const Preference& wishes = the(preference);
  for (const std::uint32_t alignment : wishes.alignment)
    if (!std::has_single_bit(alignment))
      return refuse(CUBLAS_STATUS_INVALID_VALUE, kName, "an alignment is a power of two");
  if (most < 1) return refuse(CUBLAS_STATUS_INVALID_VALUE, kName, "no algorithm is asked for");
  // Routines such as this one "depend on its value to determine expected pointer alignment"
  // (CUBLASLT_MATMUL_DESC_BIAS_POINTER): null promises the best.
  Algorithm chosen{.bias_alignment = alignment_of(op.bias),
                   .workspace_bytes = std::min(kWorkspace, wishes.workspace_bytes)};
  std::copy_n(wishes.alignment, 4, chosen.alignment);
  // "Other fields are valid only if after call ... this member is set to CUBLAS_STATUS_SUCCESS"
  // (cublasLtMatmulHeuristicResult_t::state): who asks for several gets one of the others first.
  *count = 0;
  if (most > 1) {
    std::memset(&found[*count], 0xFF, sizeof *found);
    found[(*count)++].state = CUBLAS_STATUS_NOT_SUPPORTED;
  }
  cublasLtMatmulHeuristicResult_t& right = found[(*count)++];
  right = {};
  std::memcpy(&right.algo, &chosen, sizeof chosen);
  right.workspaceSize = chosen.workspace_bytes;
  right.state = CUBLAS_STATUS_SUCCESS;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t operation, const void* alpha,
                              const void* a, cublasLtMatrixLayout_t a_layout, const void* b,
                              cublasLtMatrixLayout_t b_layout, const void* beta, const void* c,
                              cublasLtMatrixLayout_t c_layout, void* d,
                              cublasLtMatrixLayout_t d_layout,
                              const cublasLtMatmulAlgo_t* algorithm, void* workspace,
                              std::size_t workspace_bytes, cudaStream_t stream) {
  constexpr const char* kName = "cublasLtMatmul";
  const Operation op = the(operation);
  const Layout la = the(a_layout), lb = the(b_layout), lc = the(c_layout), ld = the(d_layout);
  if (const char* fault = fault_of(op, la, lb, lc, ld))
    return refuse(CUBLAS_STATUS_INVALID_VALUE, kName, fault);
  if (c == d && lc.leading != ld.leading)
    return refuse(CUBLAS_STATUS_INVALID_VALUE, kName, "in place, C has the layout of D");
  if (!algorithm) misuse(kName, "a search for the algorithm of every call");
  Algorithm chosen;
  std::memcpy(&chosen, algorithm, sizeof chosen);
  if (workspace_bytes < chosen.workspace_bytes)
    return refuse(CUBLAS_STATUS_INVALID_VALUE, kName, "the algorithm needs a larger workspace");
  const bool bias = op.epilogue == CUBLASLT_EPILOGUE_BIAS;
  const float scale = *static_cast<const float*>(alpha), keep = *static_cast<const float*>(beta);

  // From here on the GPU would not complain.
  const void* operands[] = {a, b, c, d};
  for (int i = 0; i < 4; ++i)
    if (alignment_of(operands[i]) < chosen.alignment[i])
      misuse(kName, "an operand is less aligned than the algorithm was chosen for");
  if (bias && alignment_of(op.bias) < chosen.bias_alignment)
    misuse(kName, "the bias is less aligned than the algorithm was chosen for");
  if (reinterpret_cast<std::uintptr_t>(workspace) % 256 != 0)
    misuse(kName, "the workspace is not aligned to 256 bytes");
  require_memory(stream, kName, a, bytes_of(la));
  require_memory(stream, kName, b, bytes_of(lb));
  if (keep != 0) require_memory(stream, kName, c, bytes_of(lc));
  require_memory(stream, kName, d, bytes_of(ld));
  if (bias) require_memory(stream, kName, op.bias, static_cast<std::size_t>(ld.rows) * 4);
  if (workspace_bytes > 0) require_memory(stream, kName, workspace, workspace_bytes);

  const int status = enqueue(stream, kName, [=] {
    if (workspace) std::memset(workspace, 0xFF, workspace_bytes);
    const bool cut = op.compute == CUBLAS_COMPUTE_32F_FAST_TF32;
    // op(B) by columns and op(A) by columns, so that the inner loop goes along a column of D.
    const std::vector<float> left = operand(a, la, !op.transpose_a, cut);
    const std::vector<float> right = operand(b, lb, op.transpose_b == 0, cut);
    const auto m = static_cast<std::size_t>(ld.rows), n = static_cast<std::size_t>(ld.columns);
    const std::size_t k = left.size() / m;
    std::vector<float> column(m);
    for (std::size_t j = 0; j < n; ++j) {
      std::fill(column.begin(), column.end(), 0.f);
      for (std::size_t q = 0; q < k; ++q) {
        const float factor = right[j * k + q];
        for (std::size_t i = 0; i < m; ++i) column[i] += left[q * m + i] * factor;
      }
      for (std::size_t i = 0; i < m; ++i) {
        const auto row = static_cast<std::int64_t>(i), at = static_cast<std::int64_t>(j);
        float sum = scale * column[i];
        if (keep != 0) sum += keep * load(c, row + at * lc.leading, Number::f32);
        if (bias) sum += load(op.bias, row, Number::f32);
        store(d, row + at * ld.leading, Number::f32, sum);
      }
    }
  });
  return status == 0 ? CUBLAS_STATUS_SUCCESS
                     : refuse(CUBLAS_STATUS_EXECUTION_FAILED, kName, "the recording has failed");
}
