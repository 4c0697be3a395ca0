// SPDX-License-Identifier: Apache-2.0
#include "engine/cuda/blas.h"

#include <cublasLt.h>

#include <algorithm>
#include <array>
#include <bit>
#include <map>
#include <memory>
#include <tuple>

#include "engine/cuda/late_libraries.h"
#include "engine/cuda/scratch.h"
#include "engine/error.h"

namespace peclr::cuda {
namespace {

constexpr std::size_t kWorkspaceBytes = std::size_t{32} << 20;  // what Hopper's kernels like
static_assert(kWorkspaceBytes <= kScratchBytes);

template <class T, cublasStatus_t (*Destroy)(T)>
struct Destroyer {
  using pointer = T;
  void operator()(T object) const { Destroy(object); }
};
template <class T, cublasStatus_t (*Destroy)(T)>
using Owned = std::unique_ptr<T, Destroyer<T, Destroy>>;
using Operation = Owned<cublasLtMatmulDesc_t, cublasLtMatmulDescDestroy>;
using Layout = Owned<cublasLtMatrixLayout_t, cublasLtMatrixLayoutDestroy>;
using Preference = Owned<cublasLtMatmulPreference_t, cublasLtMatmulPreferenceDestroy>;

std::string text_of(const Product& p) {
  return fmt::format("matrix product [{}, {}] x [{}, {}] of {}", p.m, p.k, p.k, p.n,
                     name_of(p.type));
}

void check_cublas(cublasStatus_t status, const Product& p) {
  if (status != CUBLAS_STATUS_SUCCESS)
    fail(ErrorKind::failure, "{}: cuBLASLt says {}", text_of(p), cublasLtGetStatusString(status));
}

// A row-major [rows, columns] is cuBLAS's column-major [columns, rows].
Layout layout(const Product& p, DType type, std::int64_t rows, std::int64_t columns) {
  cublasLtMatrixLayout_t made = nullptr;
  check_cublas(cublasLtMatrixLayoutCreate(&made, type == DType::bf16 ? CUDA_R_16BF : CUDA_R_32F,
                                          static_cast<std::uint64_t>(columns),
                                          static_cast<std::uint64_t>(rows), columns),
               p);
  return Layout(made);
}

template <class T>
void set(const Operation& operation, cublasLtMatmulDescAttributes_t name, T value,
         const Product& p) {
  check_cublas(cublasLtMatmulDescSetAttribute(operation.get(), name, &value, sizeof value), p);
}

template <class T>
void set(const Preference& preference, cublasLtMatmulPreferenceAttributes_t name, T value,
         const Product& p) {
  check_cublas(cublasLtMatmulPreferenceSetAttribute(preference.get(), name, &value, sizeof value),
               p);
}

// The largest power of two, up to 256, that divides the address.
std::uint32_t alignment_of(const void* p) {
  const auto address = reinterpret_cast<std::uintptr_t>(p) | 256;
  return std::uint32_t{1} << std::countr_zero(address);
}

// What decides which algorithm fits.
struct Key {
  Product product;
  std::uint32_t bias_alignment;  // 0 without one
  std::uint32_t a_alignment, b_alignment, c_alignment;
  auto operator<=>(const Key&) const = default;
};

// c' = b' a' in cuBLAS's column-major view, so its first operand is our b.
struct Plan {
  Operation operation;
  Layout first, second, result;
  cublasLtMatmulAlgo_t algorithm;
  std::size_t workspace_bytes;
};

// The search reads only the alignment of `bias`.
Plan make_plan(cublasLtHandle_t handle, const Key& key, cublasComputeType_t compute,
               const float* bias) {
  const Product& p = key.product;
  Plan plan{.first = p.transpose_b ? layout(p, p.type, p.n, p.k) : layout(p, p.type, p.k, p.n),
            .second = p.transpose_a ? layout(p, p.type, p.k, p.m) : layout(p, p.type, p.m, p.k),
            .result = layout(p, DType::f32, p.m, p.n)};
  cublasLtMatmulDesc_t made = nullptr;
  check_cublas(cublasLtMatmulDescCreate(&made, compute, CUDA_R_32F), p);
  plan.operation.reset(made);
  set(plan.operation, CUBLASLT_MATMUL_DESC_TRANSA, p.transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N, p);
  set(plan.operation, CUBLASLT_MATMUL_DESC_TRANSB, p.transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N, p);
  if (bias) {
    set(plan.operation, CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS, p);
    set(plan.operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias, p);
  }

  cublasLtMatmulPreference_t wishes = nullptr;
  check_cublas(cublasLtMatmulPreferenceCreate(&wishes), p);
  const Preference preference(wishes);
  set(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, kWorkspaceBytes, p);
  // Sums of parts are added by a pass of its own, in order.
  set(preference, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
      std::uint32_t{CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE}, p);
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, key.b_alignment, p);
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, key.a_alignment, p);
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, key.c_alignment, p);
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, key.c_alignment, p);
  std::array<cublasLtMatmulHeuristicResult_t, 8> found{};
  int count = 0;
  check_cublas(cublasLtMatmulAlgoGetHeuristic(handle, plan.operation.get(), plan.first.get(),
                                              plan.second.get(), plan.result.get(),
                                              plan.result.get(), preference.get(),
                                              static_cast<int>(found.size()), found.data(), &count),
               p);
  // The fastest come first; of those with another state nothing else may be read.
  const auto end = found.begin() + count;
  const auto best = std::find_if(found.begin(), end, [](const cublasLtMatmulHeuristicResult_t& r) {
    return r.state == CUBLAS_STATUS_SUCCESS;
  });
  check(best != end, "{}: cuBLASLt has no algorithm for it", text_of(p));
  plan.algorithm = best->algo;
  plan.workspace_bytes = best->workspaceSize;
  return plan;
}

}  // namespace

struct Blas::Impl {
  Stream stream;
  CachingAllocator& memory;
  cublasComputeType_t f32_compute;
  cublasLtHandle_t handle = nullptr;
  std::map<Key, Plan> plans;
};

Blas::Blas(const Context& gpu, CachingAllocator& memory, bool tf32)
    : impl_(new Impl{gpu.stream(), memory,
                     tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F}) {
  enter_gpu();
  if (const cublasStatus_t status = cublasLtCreate(&impl_->handle); status != CUBLAS_STATUS_SUCCESS)
    fail(ErrorKind::device, "cuBLASLt does not start on {}: {}", gpu.facts().name,
         cublasLtGetStatusString(status));
}

Blas::~Blas() { cublasLtDestroy(impl_->handle); }

std::string Blas::version() {
  load_libraries();
  const std::size_t v = cublasLtGetVersion();
  return fmt::format("cuBLASLt {}.{}.{}", v / 10000, v / 100 % 100, v % 100);
}

void Blas::run(const Product& p, const void* a, const void* b, const float* bias, float* c) {
  enter_gpu();
  // cuBLASLt's kernels read 16 bytes of it at a time.
  if (reinterpret_cast<std::uintptr_t>(bias) % 16 != 0)
    fail(ErrorKind::failure, "{}: the bias is not aligned", text_of(p));
  const Key key{p, bias ? alignment_of(bias) : 0, alignment_of(a), alignment_of(b),
                alignment_of(c)};
  auto it = impl_->plans.find(key);
  if (it == impl_->plans.end()) {
    const auto compute = p.type == DType::f32 ? impl_->f32_compute : CUBLAS_COMPUTE_32F;
    it = impl_->plans.emplace(key, make_plan(impl_->handle, key, compute, bias)).first;
  }
  const Plan& plan = it->second;
  if (bias) set(plan.operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias, p);
  const Scratch workspace(impl_->memory, plan.workspace_bytes > 0 ? kScratchBytes : 0,
                          [&] { return "a " + text_of(p); });
  const float alpha = 1;
  const cublasStatus_t status =
      cublasLtMatmul(impl_->handle, plan.operation.get(), &alpha, b, plan.first.get(), a,
                     plan.second.get(), &p.beta, c, plan.result.get(), c, plan.result.get(),
                     &plan.algorithm, workspace.data(), plan.workspace_bytes, impl_->stream);
  check_cublas(status, p);
}

}  // namespace peclr::cuda
