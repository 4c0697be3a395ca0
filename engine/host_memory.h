// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>

namespace peclr {

// Bytes of memory that this process may have, used or not: the machine's, or less where a container
// or `ulimit -v` says so.
std::size_t host_memory_bytes();

}  // namespace peclr
