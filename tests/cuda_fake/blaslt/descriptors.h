// SPDX-License-Identifier: Apache-2.0
// cuBLASLt's objects as the stand-in keeps them, and how it refuses: a status, and one line that
// names function and rule, which cublasLtGetStatusString then has.
#pragma once
#include <cublasLt.h>

#include <cstdint>
#include <string_view>

namespace peclr::fake {

struct Operation : cublasLtMatmulDescOpaque_t {
  cublasComputeType_t compute;
  std::int32_t transpose_a = CUBLAS_OP_N, transpose_b = CUBLAS_OP_N;
  std::uint32_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  const void* bias = nullptr;
};

struct Layout : cublasLtMatrixLayoutOpaque_t {
  cudaDataType type;
  std::int64_t rows, columns, leading;  // column-major: element (i, j) is at i + j * leading
};

struct Preference : cublasLtMatmulPreferenceOpaque_t {
  std::uint64_t workspace_bytes = 0;
  std::uint32_t reductions = CUBLASLT_REDUCTION_SCHEME_MASK;
  std::uint32_t alignment[4] = {256, 256, 256, 256};  // of A, B, C, D: the documented default
};

inline const Operation& the(cublasLtMatmulDesc_t d) { return *static_cast<Operation*>(d); }
inline const Layout& the(cublasLtMatrixLayout_t d) { return *static_cast<Layout*>(d); }
inline const Preference& the(cublasLtMatmulPreference_t d) { return *static_cast<Preference*>(d); }

// Returns the status; the words are the thread's until the next refusal.
cublasStatus_t refuse(cublasStatus_t status, const char* function, std::string_view rule);

}  // namespace peclr::fake
