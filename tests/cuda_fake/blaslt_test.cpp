// SPDX-License-Identifier: Apache-2.0
// Planted faults that the stand-in for cuBLASLt must see, and a product against the definition.
#include <cublasLt.h>
#include <cuda_runtime_api.h>

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "engine/cuda/late_libraries.h"
#include "tests/cuda_fake/misuse_text.h"

namespace peclr::fake {
namespace {

struct Dims {
  std::uint64_t rows, columns;
  std::int64_t leading;
};

// D [3, 2] = A [3, 4] B [4, 2], f32 and column-major, one after another in a card's memory.
struct Product {
  Dims a{3, 4, 3}, b{4, 2, 4}, d{3, 2, 3};
  cudaDataType b_type = CUDA_R_32F;
  std::int32_t transpose_a = CUBLAS_OP_N;
  bool bias = false;
  std::uint32_t alignment = 16;
  std::size_t a_at = 0, workspace_bytes = 8192;  // bytes

  cublasStatus_t run() {
    cuda::load_libraries();
    cublasLtCreate(&handle);
    cublasLtMatmulDescCreate(&operation, CUBLAS_COMPUTE_32F, CUDA_R_32F);
    cublasLtMatmulDescSetAttribute(operation, CUBLASLT_MATMUL_DESC_TRANSA, &transpose_a, 4);
    const std::uint32_t epilogue = CUBLASLT_EPILOGUE_BIAS;
    if (bias)
      cublasLtMatmulDescSetAttribute(operation, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, 4);
    cublasLtMatrixLayoutCreate(&la, CUDA_R_32F, a.rows, a.columns, a.leading);
    cublasLtMatrixLayoutCreate(&lb, b_type, b.rows, b.columns, b.leading);
    cublasLtMatrixLayoutCreate(&ld, CUDA_R_32F, d.rows, d.columns, d.leading);
    cublasLtMatmulPreferenceCreate(&wishes);
    const std::uint64_t room = 8192;
    cublasLtMatmulPreferenceSetAttribute(wishes, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &room,
                                         8);
    for (const auto name :
         {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
          CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES})
      cublasLtMatmulPreferenceSetAttribute(wishes, name, &alignment, 4);
    cublasLtMatmulHeuristicResult_t found;
    int count = 0;
    cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(handle, operation, la, lb, ld, ld,
                                                           wishes, 1, &found, &count);
    if (status != CUBLAS_STATUS_SUCCESS) return status;
    // The bias is 16 bytes into the room, which the search was not told.
    const void* at = bytes + 16;
    if (bias) cublasLtMatmulDescSetAttribute(operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &at, 8);
    const float one = 1, none = 0;
    return cublasLtMatmul(handle, operation, &one, bytes + a_at, la, bytes + 256, lb, &none,
                          bytes + 512, ld, bytes + 512, ld, &found.algo, bytes + 1024,
                          workspace_bytes, nullptr);
  }
  std::string refusal() {
    const cublasStatus_t status = run();
    return status == CUBLAS_STATUS_SUCCESS ? "" : cublasLtGetStatusString(status);
  }

  Product() { REQUIRE(cudaMalloc(reinterpret_cast<void**>(&bytes), 1024 + 8192) == cudaSuccess); }
  ~Product() {
    cudaFree(bytes);
    if (la) cublasLtMatrixLayoutDestroy(la), cublasLtMatrixLayoutDestroy(lb);
    if (ld) cublasLtMatrixLayoutDestroy(ld), cublasLtMatmulPreferenceDestroy(wishes);
    if (operation) cublasLtMatmulDescDestroy(operation), cublasLtDestroy(handle);
  }
  Product(const Product&) = delete;
  Product& operator=(const Product&) = delete;
  char* bytes = nullptr;
  cublasLtHandle_t handle = nullptr;
  cublasLtMatmulDesc_t operation = nullptr;
  cublasLtMatrixLayout_t la = nullptr, lb = nullptr, ld = nullptr;
  cublasLtMatmulPreference_t wishes = nullptr;
};

// What a product that was changed by `plant` is refused with, by a status or as a misuse.
template <class F>
std::string refused(F plant) {
  Product p;
  plant(p);
  std::string status;
  const std::string misuse = misuse_text([&] { status = p.refusal(); });
  return status + misuse;
}
bool has(const std::string& text, const char* words) { return text.find(words) != text.npos; }

TEST_CASE("cuBLASLt stand-in: the product is column-major", "[fake]") {
  for (const bool transpose : {false, true}) {
    Product p;
    if (transpose) p.a = {4, 3, 4}, p.transpose_a = CUBLAS_OP_T;
    std::vector<float> a(12), b(8), d(6), want(6, 0.f);
    for (std::size_t i = 0; i < 12; ++i) a[i] = static_cast<float>(i) - 5;
    for (std::size_t i = 0; i < 8; ++i) b[i] = static_cast<float>(i * i) / 8;
    for (std::size_t i = 0; i < 3; ++i)
      for (std::size_t j = 0; j < 2; ++j)
        for (std::size_t k = 0; k < 4; ++k)
          want[i + 3 * j] += (transpose ? a[k + 4 * i] : a[i + 3 * k]) * b[k + 4 * j];
    cudaMemcpyAsync(p.bytes, a.data(), 48, cudaMemcpyHostToDevice, nullptr);
    cudaMemcpyAsync(p.bytes + 256, b.data(), 32, cudaMemcpyHostToDevice, nullptr);
    REQUIRE(p.run() == CUBLAS_STATUS_SUCCESS);
    cudaMemcpyAsync(d.data(), p.bytes + 512, 24, cudaMemcpyDeviceToHost, nullptr);
    CHECK(d == want);
  }
}

TEST_CASE("cuBLASLt stand-in: planted faults are refused with function and rule", "[fake]") {
  CHECK(refused([](Product&) {}).empty());
  CHECK(refused([](Product& p) { p.a.leading = 2; }) ==
        "cublasLtMatmulAlgoGetHeuristic: a leading dimension is less than the number of rows");
  CHECK(has(refused([](Product& p) { p.b.rows = p.b.leading = 5; }), "as many columns as op(B)"));
  CHECK(has(refused([](Product& p) { p.transpose_a = CUBLAS_OP_T; }), "as many columns as op(B)"));
  CHECK(has(refused([](Product& p) { p.d = {2, 3, 2}; }), "D has the rows of op(A)"));
  CHECK(has(refused([](Product& p) { p.b_type = CUDA_R_16BF; }), "have the same type"));
  CHECK(has(refused([](Product& p) { p.alignment = 24; }), "a power of two"));
  CHECK(refused([](Product& p) { p.workspace_bytes = 100; }) ==
        "cublasLtMatmul: the algorithm needs a larger workspace");
  CHECK(refused([](Product& p) { p.a_at = 8; }) ==
        "cublasLtMatmul: an operand is less aligned than the algorithm was chosen for");
  CHECK(has(refused([](Product& p) { p.a.leading = 4000; }), "reaches beyond its block"));
  CHECK(refused([](Product& p) { p.bias = true; }) ==
        "cublasLtMatmul: the bias is less aligned than the algorithm was chosen for");
}

TEST_CASE("cuBLASLt stand-in: an attribute of another size is refused", "[fake]") {
  Product p;
  REQUIRE(p.run() == CUBLAS_STATUS_SUCCESS);
  const float* bias = nullptr;
  const std::int64_t wide = 0;
  CHECK(cublasLtMatmulDescSetAttribute(p.operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias, 4) ==
        CUBLAS_STATUS_INVALID_VALUE);
  CHECK(cublasLtMatmulDescSetAttribute(p.operation, CUBLASLT_MATMUL_DESC_EPILOGUE, &wide, 8) ==
        CUBLAS_STATUS_INVALID_VALUE);
  CHECK(cublasLtMatmulPreferenceSetAttribute(p.wishes, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                             &wide, 4) == CUBLAS_STATUS_INVALID_VALUE);
  CHECK(cublasLtMatmulPreferenceSetAttribute(p.wishes, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES,
                                             &wide, 8) == CUBLAS_STATUS_INVALID_VALUE);
  CHECK(has(cublasLtGetStatusString(CUBLAS_STATUS_INVALID_VALUE), "another size"));
}

}  // namespace
}  // namespace peclr::fake
