// SPDX-License-Identifier: Apache-2.0
// A card's second-level cache without anything of the job that is timed next.
#pragma once
#include "engine/tensor.h"
#include "kernels/stream.h"

namespace peclr::bench {

class CacheFlush {
 public:
  explicit CacheFlush(Backend& backend);

  // Writes 256 MiB, several times any card's cache, and reads them: lines that were only written
  // would go to memory while the job is timed.
  void enqueue(Stream stream);

 private:
  Tensor written_;                    // [rows, kRow]
  Tensor sums_, partials_, tickets_;  // of the reading
};

}  // namespace peclr::bench
