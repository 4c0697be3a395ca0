// SPDX-License-Identifier: Apache-2.0
// Which instruction set's loops run: the best that the processor has, or PECLR_CPU's.
#include <cstdlib>
#include <string_view>

#include "engine/cpu/hot/loops.h"
#include "engine/error.h"

namespace peclr {
inline namespace base {
extern const Loops table;
}
#ifdef PECLR_MANY_ISAS
namespace v3 {
extern const Loops table;
}
namespace v4 {
extern const Loops table;
}
namespace v4bf16 {
extern const Loops table;
}
#endif

namespace {

const Loops& choose() {
#ifdef PECLR_MANY_ISAS
  const char* variable = std::getenv("PECLR_CPU");
  const std::string_view wanted = variable ? variable : "v4bf16";
  if (wanted != "v4bf16" && wanted != "v4" && wanted != "v3" && wanted != "base")
    fail(ErrorKind::usage, "PECLR_CPU={}: known are base, v3, v4 and v4bf16", wanted);
  if (wanted == "v4bf16" && __builtin_cpu_supports("x86-64-v4") &&
      __builtin_cpu_supports("avx512bf16"))
    return v4bf16::table;
  if (wanted.starts_with("v4") && __builtin_cpu_supports("x86-64-v4")) return v4::table;
  if (wanted != "base" && __builtin_cpu_supports("x86-64-v3")) return v3::table;
#endif
  return base::table;
}

}  // namespace

const Loops& loops() {
  static const Loops& chosen = choose();
  return chosen;
}

}  // namespace peclr
