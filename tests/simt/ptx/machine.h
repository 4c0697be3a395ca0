// SPDX-License-Identifier: Apache-2.0
// Runs PTX on a CPU, thread after thread, each until it has to meet others.
#pragma once
#include "kernels/device.h"
#include "tests/simt/ptx/program.h"

namespace peclr::ptx {

// A grid of `function` with the host's parameters; blocks and threads in the order of
// simt::schedule() (shuffled: as reverse). Global memory is the host's, shared memory is poisoned
// at first. Throws simt::Fault where a GPU would stop, hang or compute what is undefined: an
// address at no multiple of the access, or outside of shared memory, lanes that wait for each other
// at different places, a shuffle from a lane that is not there.
void run(const Function& function, const simt::Launch& launch);

// Whether PECLR_PTX names a folder of PTX files; then launches of the process run what is in them.
bool chosen();
// A grid of the function that was made of the launch's kernel. Throws simt::Fault where there is
// none, Unknown where a file cannot be read.
void run(const simt::Launch& launch);

}  // namespace peclr::ptx
