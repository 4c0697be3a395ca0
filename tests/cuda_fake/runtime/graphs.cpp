// SPDX-License-Identifier: Apache-2.0
// Recording a stream's work as a graph, and graphs: the work in its order, with the addresses of
// then (CUDA C++ Programming Guide, "Creating a Graph Using Stream Capture").
#include <cuda_runtime_api.h>

#include "tests/cuda_fake/runtime/error.h"
#include "tests/cuda_fake/runtime/streams.h"

using namespace peclr::fake;

using Pieces = std::vector<std::unique_ptr<Work>>;
struct CUgraph_st {
  std::shared_ptr<const Pieces> work;
};
struct CUgraphExec_st {
  std::shared_ptr<const Pieces> work;
};

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  constexpr const char* kName = "cudaStreamBeginCapture";
  const auto lock = locked();
  if (!stream) return result(cudaErrorStreamCaptureUnsupported);  // the default stream cannot be
  if (mode != cudaStreamCaptureModeThreadLocal)
    misuse(kName, "in this mode other threads break the recording, or it hides their faults");
  if (stream->capture) return result(cudaErrorIllegalState);
  stream->capture = std::make_unique<Capture>(Capture{std::this_thread::get_id(), false, {}});
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  const auto lock = locked();
  *graph = nullptr;
  if (!stream || !stream->capture) return result(cudaErrorIllegalState);
  if (stream->capture->thread != std::this_thread::get_id())
    return result(cudaErrorStreamCaptureWrongThread);
  const std::unique_ptr<Capture> ended = std::move(stream->capture);
  if (ended->broken) return result(cudaErrorStreamCaptureInvalidated);
  *graph = new CUgraph_st{std::make_shared<const Pieces>(std::move(ended->work))};
  return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* ready, cudaGraph_t graph, unsigned long long) {
  const auto lock = locked();
  if (const cudaError_t status = forbidden_in_capture()) return result(status);
  *ready = new CUgraphExec_st{graph->work};
  return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t ready) {
  delete ready;
  return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t ready, cudaStream_t stream) {
  return result(static_cast<cudaError_t>(enqueue(stream, "cudaGraphLaunch", [work = ready->work] {
    for (const auto& piece : *work) piece->run();
  })));
}
