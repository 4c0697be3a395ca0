// SPDX-License-Identifier: Apache-2.0
// What the stand-ins throw where a GPU would go on and the result would be undefined, or other than
// meant. What NVIDIA's libraries themselves refuse is refused by a status, as they do it.
#pragma once
#include <string>
#include <string_view>

namespace peclr::fake {

// No std::exception: nobody may take it for an error of the run and go on.
struct Misuse {
  std::string text;
};

// Throws Misuse with "function: rule", which it writes to stderr as well.
[[noreturn]] void misuse(std::string_view function, std::string_view rule);

}  // namespace peclr::fake
