// SPDX-License-Identifier: Apache-2.0
#include "tests/cuda_fake/blaslt/descriptors.h"

#include <cstring>
#include <string>

#include "tests/cuda_fake/misuse.h"

namespace peclr::fake {
namespace {

thread_local std::string last_refusal;

// "Size of buffer must match the size of the attribute" of every ...SetAttribute.
template <class T>
cublasStatus_t set(T& to, const char* function, const void* value, std::size_t bytes) {
  if (!value || bytes != sizeof to)
    return refuse(CUBLAS_STATUS_INVALID_VALUE, function, "the attribute has another size");
  std::memcpy(&to, value, sizeof to);
  return CUBLAS_STATUS_SUCCESS;
}

}  // namespace

cublasStatus_t refuse(cublasStatus_t status, const char* function, std::string_view rule) {
  last_refusal = std::string(function) + ": " + std::string(rule);
  return status;
}

}  // namespace peclr::fake

using namespace peclr::fake;

struct cublasLtContext {};

std::size_t cublasLtGetVersion() { return CUBLAS_VERSION; }
const char* cublasLtGetStatusString(cublasStatus_t status) {
  return status == CUBLAS_STATUS_SUCCESS ? "success" : last_refusal.c_str();
}

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
  *handle = new cublasLtContext;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) {
  delete handle;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* made, cublasComputeType_t compute,
                                        cudaDataType_t scale) {
  constexpr const char* kName = "cublasLtMatmulDescCreate";
  if (compute != CUBLAS_COMPUTE_32F && compute != CUBLAS_COMPUTE_32F_FAST_TF32)
    return refuse(CUBLAS_STATUS_NOT_SUPPORTED, kName, "sums that are not stood in for");
  if (scale != CUDA_R_32F)
    return refuse(CUBLAS_STATUS_INVALID_VALUE, kName, "alpha and beta of f32 sums are f32");
  auto* operation = new Operation{};
  operation->compute = compute;
  *made = operation;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t operation) {
  delete static_cast<Operation*>(operation);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t made,
                                              cublasLtMatmulDescAttributes_t name,
                                              const void* value, std::size_t bytes) {
  constexpr const char* kName = "cublasLtMatmulDescSetAttribute";
  auto& operation = *static_cast<Operation*>(made);
  switch (name) {
    case CUBLASLT_MATMUL_DESC_TRANSA:
      return set(operation.transpose_a, kName, value, bytes);
    case CUBLASLT_MATMUL_DESC_TRANSB:
      return set(operation.transpose_b, kName, value, bytes);
    case CUBLASLT_MATMUL_DESC_EPILOGUE:
      return set(operation.epilogue, kName, value, bytes);
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER:
      return set(operation.bias, kName, value, bytes);
    default:
      return refuse(CUBLAS_STATUS_NOT_SUPPORTED, kName, "an attribute that is not stood in for");
  }
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* made, cudaDataType type,
                                          std::uint64_t rows, std::uint64_t columns,
                                          std::int64_t leading) {
  constexpr const char* kName = "cublasLtMatrixLayoutCreate";
  if (type != CUDA_R_32F && type != CUDA_R_16BF)
    return refuse(CUBLAS_STATUS_NOT_SUPPORTED, kName, "numbers that are not stood in for");
  auto* layout = new Layout{};
  layout->type = type;
  layout->rows = static_cast<std::int64_t>(rows);
  layout->columns = static_cast<std::int64_t>(columns);
  layout->leading = leading;
  *made = layout;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) {
  delete static_cast<Layout*>(layout);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* made) {
  *made = new Preference{};
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) {
  delete static_cast<Preference*>(preference);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t made,
                                                    cublasLtMatmulPreferenceAttributes_t name,
                                                    const void* value, std::size_t bytes) {
  constexpr const char* kName = "cublasLtMatmulPreferenceSetAttribute";
  auto& preference = *static_cast<Preference*>(made);
  switch (name) {
    case CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES:
      return set(preference.workspace_bytes, kName, value, bytes);
    case CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK:
      return set(preference.reductions, kName, value, bytes);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES:
      return set(preference.alignment[0], kName, value, bytes);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES:
      return set(preference.alignment[1], kName, value, bytes);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES:
      return set(preference.alignment[2], kName, value, bytes);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES:
      return set(preference.alignment[3], kName, value, bytes);
    default:
      return refuse(CUBLAS_STATUS_NOT_SUPPORTED, kName, "an attribute that is not stood in for");
  }
}
