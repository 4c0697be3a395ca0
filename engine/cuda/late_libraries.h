// SPDX-License-Identifier: Apache-2.0
// cuDNN and cuBLASLt, loaded when a GPU is asked for and not when the program starts: the same
// program runs where neither is installed, and starts in a hundredth of the time where both are.
// The names of their functions that we call are defined in late_libraries.cpp; a new one needs a
// line there, or does not link.
#pragma once
#include <string>

namespace peclr::cuda {

// Loads both on the first call. Empty, or one line: which was not found, and what to do.
const std::string& library_problem();

// Throws Error(device) with it. Must come before any of their functions is called, which a Context
// does; called too early they throw as well.
void load_libraries();

}  // namespace peclr::cuda
