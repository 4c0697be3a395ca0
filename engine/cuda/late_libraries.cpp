// SPDX-License-Identifier: Apache-2.0
#include "engine/cuda/late_libraries.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <cstdlib>
#include <span>

#include "engine/error.h"

#if !defined(__x86_64__)
#error "write the jump of PECLR_LATE for this processor"
#endif

#define PECLR_CUDNN(X)             \
  X(cudnnBackendCreateDescriptor)  \
  X(cudnnBackendDestroyDescriptor) \
  X(cudnnBackendExecute)           \
  X(cudnnBackendFinalize)          \
  X(cudnnBackendGetAttribute)      \
  X(cudnnBackendSetAttribute)      \
  X(cudnnCreate)                   \
  X(cudnnDestroy)                  \
  X(cudnnGetCudartVersion)         \
  X(cudnnGetErrorString)           \
  X(cudnnGetLastErrorString)       \
  X(cudnnGetVersion)               \
  X(cudnnSetStream)

#define PECLR_CUBLASLT(X)                 \
  X(cublasLtCreate)                       \
  X(cublasLtDestroy)                      \
  X(cublasLtGetStatusString)              \
  X(cublasLtGetVersion)                   \
  X(cublasLtMatmul)                       \
  X(cublasLtMatmulAlgoGetHeuristic)       \
  X(cublasLtMatmulDescCreate)             \
  X(cublasLtMatmulDescDestroy)            \
  X(cublasLtMatmulDescSetAttribute)       \
  X(cublasLtMatmulPreferenceCreate)       \
  X(cublasLtMatmulPreferenceDestroy)      \
  X(cublasLtMatmulPreferenceSetAttribute) \
  X(cublasLtMatrixLayoutCreate)           \
  X(cublasLtMatrixLayoutDestroy)

namespace {

[[noreturn]] void not_loaded() {
  peclr::cuda::load_libraries();
  peclr::fail(peclr::ErrorKind::failure,
              "a function of cuDNN or cuBLASLt was called before load_libraries()");
}

}  // namespace

// A function that jumps to where the library's lies. Arguments and result are none of its business.
#define PECLR_LATE(name)                                                                        \
  __attribute__((visibility("hidden"))) void* peclr_late_##name =                               \
      reinterpret_cast<void*>(not_loaded);                                                      \
  asm(".pushsection .text\n.globl " #name "\n.hidden " #name "\n.type " #name                   \
      ", @function\n" #name ":\n\tjmp *peclr_late_" #name "(%rip)\n.size " #name ", . - " #name \
      "\n.popsection");
PECLR_CUDNN(PECLR_LATE)
PECLR_CUBLASLT(PECLR_LATE)

namespace peclr::cuda {
namespace {

struct Function {
  const char* name;
  void** target;
};
#define PECLR_FUNCTION(name) {#name, &peclr_late_##name},
const Function kDnn[] = {PECLR_CUDNN(PECLR_FUNCTION)};
const Function kBlas[] = {PECLR_CUBLASLT(PECLR_FUNCTION)};

// The library stays for the life of the process.
std::string load(std::string_view what, const char* file, std::span<const Function> functions) {
  void* library = ::dlopen(file, RTLD_NOW | RTLD_LOCAL);
  if (!library)
    return fmt::format("{} was not found ({}); install it, or put its folder in LD_LIBRARY_PATH",
                       what, ::dlerror());
  for (const Function& f : functions)
    if (!(*f.target = ::dlsym(library, f.name)))
      return fmt::format("this {} has no {} ({}); install a newer one", what, f.name, file);
  return {};
}

using VersionFunction = std::size_t();

// An old one lacks engines that plans want; one for another CUDA brings that one's libraries.
std::string unfit(std::size_t version, std::size_t cuda) {
  constexpr std::size_t kOldest = 90800;
  const int built_for = std::atoi(PECLR_CUDA_MAJOR);
  const std::string name = fmt::format("cuDNN {}.{}.{} for CUDA {}", version / 10000,
                                       version / 100 % 100, version % 100, cuda / 1000);
  if (version < kOldest) return fmt::format("{} is too old; install 9.8 or newer", name);
  if (cuda / 1000 != static_cast<std::size_t>(built_for))
    return fmt::format("{} was found, and this build is for CUDA {}; install the cuDNN for that",
                       name, built_for);
  return {};
}

std::string load_all() {
  if (std::string problem = load("cuDNN 9", "libcudnn.so.9", kDnn); !problem.empty())
    return problem;
  const auto call = [](void* f) { return reinterpret_cast<VersionFunction*>(f)(); };
  if (std::string problem =
          unfit(call(peclr_late_cudnnGetVersion), call(peclr_late_cudnnGetCudartVersion));
      !problem.empty())
    return problem;
  return load("cuBLASLt " PECLR_CUDA_MAJOR, "libcublasLt.so." PECLR_CUDA_MAJOR, kBlas);
}

}  // namespace

const std::string& library_problem() {
  static const std::string problem = load_all();
  return problem;
}

void load_libraries() {
  if (const std::string& problem = library_problem(); !problem.empty())
    fail(ErrorKind::device, "device=cuda: {}", problem);
}

}  // namespace peclr::cuda
