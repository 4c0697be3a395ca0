// SPDX-License-Identifier: Apache-2.0
// How often operator new was called by this thread: the test program's own counts.
#pragma once
#include <cstdint>

namespace peclr::test {

bool counts_host_allocations();  // not where a sanitizer has its own operator new
std::int64_t host_allocations();

}  // namespace peclr::test
