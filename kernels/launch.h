// SPDX-License-Identifier: Apache-2.0
// From a kernel, which is a type, to a launch (docs/kernels.md):
//
// clang-format off
//   struct Scale {
//     using Params = ScaleParams;           // trivially copyable; what the host hands over
//     static constexpr int kThreads = 256;  // of a block, along x
//     using Shared = NoShared;              // or a struct: all of the block's shared memory
//     PECLR_DEVICE static void run(const Params& p, Shared& s) { ... }
//   };
//   void scale(const ScaleParams& p, Stream stream) { launch<Scale>({.x = blocks}, p, stream); }
// clang-format on
//
// An optional `static constexpr int kMinBlocks` is the second launch bound: blocks that must fit a
// multiprocessor at a time.
#pragma once
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>

#include "kernels/device.h"
#include "kernels/host_device.h"
#include "kernels/stream.h"

namespace peclr::kernels {

struct Grid {
  unsigned x = 1, y = 1, z = 1;  // blocks; with a 0 nothing is launched
};
struct NoShared {};

// What every card since A100 has: RTX cards offer a block 99 KiB, A100 163, H100 227.
inline constexpr std::size_t kMaxShared = 99 << 10;

template <class K>
inline constexpr std::size_t shared_bytes = std::is_empty_v<typename K::Shared>
                                                ? 0
                                                : sizeof(typename K::Shared);

// Throws std::invalid_argument with the launcher's words.
inline void require(bool ok, const char* what) {
  if (!ok) throw std::invalid_argument(what);
}

// Blocks for `count` items, `each` to a block. Throws where a grid cannot be so long.
inline unsigned blocks_for(std::int64_t count, std::int64_t each) {
  const std::int64_t blocks = (count + each - 1) / each;
  require(count >= 0 && blocks <= 0x7FFFFFFF, "a grid of more than 2^31 - 1 blocks");
  return static_cast<unsigned>(blocks);
}

// "NormSums" of peclr::kernels::(anonymous namespace)::NormSums.
template <class K>
std::string kernel_name() {
  std::string_view text = __PRETTY_FUNCTION__;  // "... [with K = a::b::NormSums; ...]"
  text.remove_prefix(text.find("K = ") + 4);
  text = text.substr(0, text.find_first_of(";]"));
  const std::size_t plain = text.substr(0, text.find('<')).rfind("::");
  return std::string(plain == text.npos ? text : text.substr(plain + 2));
}

template <class K>
constexpr void check_kernel() {
  static_assert(K::kThreads > 0 && K::kThreads <= 1024);
  static_assert(std::is_trivially_copyable_v<typename K::Params>);
  static_assert(sizeof(typename K::Params) <= 4000, "parameters beyond 4 KB: pass a pointer");
  static_assert(std::is_trivially_copyable_v<typename K::Shared>);
  static_assert(alignof(typename K::Shared) <= 128);
  static_assert(shared_bytes<K> <= kMaxShared, "more shared memory than all cards have");
}

#if defined(__CUDACC__)

template <class K>
constexpr int min_blocks() {
  if constexpr (requires { K::kMinBlocks; })
    return K::kMinBlocks;
  else
    return 1;
}

// Threads and bytes of shared memory stand in its name for tools/kernel_report.sh.
template <class K, int kThreads, std::size_t kSharedBytes>
__global__ void __launch_bounds__(kThreads, min_blocks<K>())
    kernel(const __grid_constant__ typename K::Params params) {
  extern __shared__ __align__(128) unsigned char shared[];
  K::run(params, *reinterpret_cast<typename K::Shared*>(shared));
}

template <class K>
inline constexpr auto kEntry = kernel<K, K::kThreads, shared_bytes<K>>;

template <class K>
void check_cuda(cudaError_t status, const char* doing) {
  if (status != cudaSuccess)
    throw std::runtime_error(std::string("CUDA kernel ") + kernel_name<K>() + ", " + doing + ": " +
                             cudaGetErrorString(status));
}

// Throws std::runtime_error where CUDA refuses the launch or an earlier one has failed.
template <class K>
void launch(Grid grid, const typename K::Params& params, Stream stream) {
  check_kernel<K>();
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  constexpr std::size_t kWanted = shared_bytes<K>, kFreely = 48 << 10;
  if constexpr (kWanted > kFreely) {
    [[maybe_unused]] static const bool once = [] {  // a process uses one GPU
      check_cuda<K>(cudaFuncSetAttribute(kEntry<K>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                         static_cast<int>(kWanted)),
                    "asking for shared memory");
      return true;
    }();
  }
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(grid.x, grid.y, grid.z);
  config.blockDim = dim3(K::kThreads);
  config.dynamicSmemBytes = kWanted;
  config.stream = stream;
  check_cuda<K>(cudaLaunchKernelEx(&config, kEntry<K>, params), "launch");
}

#else

template <class K>
void launch(Grid grid, const typename K::Params& params, Stream stream) {
  check_kernel<K>();
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  using Shared = typename K::Shared;
  const std::string name = kernel_name<K>();
  simt::run({.kernel = name.c_str(),
             .type = typeid(K).name(),
             .grid = {grid.x, grid.y, grid.z},
             .threads = K::kThreads,
             .shared_bytes = shared_bytes<K>,
             .shared_alignment = alignof(Shared),
             .thread =
                 [](const void* p, void* shared) {
                   if constexpr (std::is_empty_v<Shared>) {
                     Shared none;
                     K::run(*static_cast<const typename K::Params*>(p), none);
                   } else {
                     K::run(*static_cast<const typename K::Params*>(p),
                            *static_cast<Shared*>(shared));
                   }
                 },
             .params = &params,
             .params_bytes = sizeof params,
             .stream = stream});
}

#endif

}  // namespace peclr::kernels
