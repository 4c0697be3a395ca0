// SPDX-License-Identifier: Apache-2.0
// A queue of work on a device, as the launchers in kernels/*_kernels.h take it: CUDA's stream
// without CUDA's headers.
#pragma once

struct CUstream_st;

namespace peclr {
using Stream = CUstream_st*;  // nullptr is the default stream, and the emulator's only one
}
