// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "tests/cuda_fake/misuse.h"

namespace peclr::fake {

// What the call was refused with; empty where it was not.
template <class F>
std::string misuse_text(F&& call) {
  try {
    call();
  } catch (const Misuse& fault) {
    return fault.text;
  }
  return {};
}

}  // namespace peclr::fake
