// SPDX-License-Identifier: Apache-2.0
// What the emulator throws where a GPU would hang, or its result would be undefined: the kernel,
// the block, the threads and the places in the source.
#pragma once
#include <stdexcept>

namespace peclr::simt {

class Fault : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace peclr::simt
