// SPDX-License-Identifier: Apache-2.0
// The one way to use several threads inside a step. Chunks are fixed by n and grain, never by the
// number of threads, so a reduction that keeps one partial result a chunk gives the same bits on
// any machine.
#pragma once
#include <cstdint>
#include <type_traits>

#include "kernels/host_device.h"

namespace peclr {

void set_threads(int count);  // of parallel_for and of the libraries; 0 = one for each core
int threads();

// From now on parallel_for works on the calling thread alone: for threads that are themselves one
// of many. Within the body of another it always does.
void stay_serial_on_this_thread();

// Runs body(context, begin, end) for the chunks [k * grain, min(n, (k + 1) * grain)); rethrows the
// first exception.
using ParallelBody = void (*)(void* context, std::int64_t begin, std::int64_t end);
void parallel_run(std::int64_t n, std::int64_t grain, ParallelBody body, void* context);

inline namespace PECLR_ISA {

// body(begin, end) for each chunk of `grain` items.
template <class F>
inline void parallel_for(std::int64_t n, std::int64_t grain, F&& body) {
  parallel_run(
      n, grain,
      [](void* context, std::int64_t begin, std::int64_t end) {
        (*static_cast<std::remove_reference_t<F>*>(context))(begin, end);
      },
      const_cast<void*>(static_cast<const void*>(&body)));
}

}  // namespace PECLR_ISA
}  // namespace peclr
