// SPDX-License-Identifier: Apache-2.0
// A CUDA graph: what was asked of a stream, to be launched again as a whole.
#pragma once
#include <functional>

#include "engine/recording.h"
#include "kernels/stream.h"

struct CUgraphExec_st;

namespace peclr::cuda {

class Graph final : public Recording {
 public:
  // Calls `body`, whose work for `stream` is kept and not done. Throws what `body` throws, and
  // Error(failure) where the work cannot be kept; the stream is then as before.
  Graph(Stream stream, const std::function<void()>& body);
  ~Graph() override;

  void replay() override;

 private:
  Stream stream_;
  CUgraphExec_st* graph_ = nullptr;
};

}  // namespace peclr::cuda
