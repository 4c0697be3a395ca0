// SPDX-License-Identifier: Apache-2.0
#include "tests/support/host_allocations.h"

#include <cstdlib>
#include <new>
#include <string_view>

namespace {
thread_local std::int64_t count = 0;
}  // namespace

#if !defined(PECLR_SANITIZED)
void* operator new(std::size_t bytes) {
  ++count;
  if (void* block = std::malloc(bytes ? bytes : 1)) return block;
  throw std::bad_alloc();
}
void operator delete(void* block) noexcept { std::free(block); }
void operator delete(void* block, std::size_t) noexcept { std::free(block); }
#endif

namespace peclr::test {

bool counts_host_allocations() { return std::string_view(PECLR_SANITIZERS).empty(); }
std::int64_t host_allocations() { return count; }

}  // namespace peclr::test
