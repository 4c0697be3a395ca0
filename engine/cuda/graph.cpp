// SPDX-License-Identifier: Apache-2.0
#include "engine/cuda/graph.h"

#include <cuda_runtime_api.h>

#include "engine/cuda/context.h"

namespace peclr::cuda {
namespace {

class Capture {
 public:
  // Of this thread's calls: the loader's threads go on copying pictures in their own stream.
  explicit Capture(Stream stream) : stream_(stream) {
    check_cuda(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal),
               "beginning to record a step");
  }
  ~Capture() {
    if (!ended_) cudaStreamEndCapture(stream_, &graph_);
    if (graph_) cudaGraphDestroy(graph_);
    cudaGetLastError();  // of a capture that failed
  }
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  cudaGraph_t end() {
    ended_ = true;
    check_cuda(cudaStreamEndCapture(stream_, &graph_), "recording a step");
    return graph_;
  }

 private:
  Stream stream_;
  cudaGraph_t graph_ = nullptr;
  bool ended_ = false;
};

}  // namespace

Graph::Graph(Stream stream, const std::function<void()>& body) : stream_(stream) {
  enter_gpu();
  Capture capture(stream);
  body();
  check_cuda(cudaGraphInstantiate(&graph_, capture.end(), 0), "making a graph of a step");
}

Graph::~Graph() {
  cudaStreamSynchronize(stream_);
  cudaGraphExecDestroy(graph_);
}

void Graph::replay() {
  enter_gpu();
  check_cuda(cudaGraphLaunch(graph_, stream_), "replaying a step");
}

}  // namespace peclr::cuda
