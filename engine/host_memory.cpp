// SPDX-License-Identifier: Apache-2.0
#include "engine/host_memory.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

namespace peclr {

std::size_t host_memory_bytes() {
  auto memory = static_cast<std::size_t>(::sysconf(_SC_PHYS_PAGES)) *
                static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  // A container's limit (control groups, version 2); the word "max" there leaves `limit` unread.
  std::ifstream file("/sys/fs/cgroup/memory.max");
  if (std::size_t limit = 0; file >> limit) memory = std::min(memory, limit);
  rlimit addresses{};
  if (::getrlimit(RLIMIT_AS, &addresses) == 0 && addresses.rlim_cur != RLIM_INFINITY)
    memory = std::min(memory, static_cast<std::size_t>(addresses.rlim_cur));
  return memory;
}

}  // namespace peclr
