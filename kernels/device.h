// SPDX-License-Identifier: Apache-2.0
// All that a kernel may use beside the maths: CUDA's own names under nvcc; under a host compiler
// the same names, served by the emulator in tests/simt (docs/kernels.md). The one header that knows
// of it. Kernels reach it through kernels/launch.h.
#pragma once

#if defined(__CUDACC__)
#include <cuda_runtime.h>
#define PECLR_DEVICE __device__ __forceinline__
#define PECLR_UNROLL _Pragma("unroll")
#define PECLR_PRAGMA(text) _Pragma(#text)
#define PECLR_UNROLL_BY(n) PECLR_PRAGMA(unroll n)
#else
#define PECLR_DEVICE inline
#define PECLR_UNROLL
#define PECLR_UNROLL_BY(n)
#include "kernels/emulated.h"
#endif

namespace peclr::kernels {
inline constexpr int kWarp = 32;
inline constexpr unsigned kAllLanes = 0xFFFFFFFFu;

// Divided while it is unsigned: one instruction each, as nvcc does not know that it is small.
PECLR_DEVICE int lane_index() { return static_cast<int>(threadIdx.x % unsigned{kWarp}); }
PECLR_DEVICE int warp_index() { return static_cast<int>(threadIdx.x / unsigned{kWarp}); }
}  // namespace peclr::kernels
