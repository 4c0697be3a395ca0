// SPDX-License-Identifier: Apache-2.0
// The words that let one function serve the CPU loops and the CUDA kernels.
#pragma once

#if defined(__CUDACC__)
#define PECLR_HD __host__ __device__
#else
#define PECLR_HD
#endif

// Hot CPU files are compiled once per instruction set (CMakeLists.txt). Everything they inline
// lives in an inline namespace named after that set, or the linker could hand an AVX-512 copy to a
// machine that has none.
#ifndef PECLR_ISA
#define PECLR_ISA base
#endif

#define PECLR_BEGIN \
  namespace peclr { \
  inline namespace PECLR_ISA {
#define PECLR_END \
  }               \
  }
