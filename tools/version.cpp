// SPDX-License-Identifier: Apache-2.0
#include "tools/version.h"

#include <fmt/format.h>

#include "engine/cpu/hot/loops.h"

namespace peclr {

const char* const kVersion = PECLR_VERSION;

std::string version_text() {
  return fmt::format("peclr {} (g++ {}, {} loops)", kVersion, __VERSION__, loops().instruction_set);
}

}  // namespace peclr
