// SPDX-License-Identifier: Apache-2.0
// Planted faults in recordings that the stand-in for the CUDA runtime must see, and graphs.
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "engine/cuda/cuda_backend.h"
#include "tests/cuda_fake/runtime_objects.h"

namespace peclr::fake {
namespace {

cudaError_t begin(cudaStream_t stream) {
  return cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal);
}
cudaError_t end(cudaStream_t stream) {
  cudaGraph_t graph = nullptr;
  const cudaError_t status = cudaStreamEndCapture(stream, &graph);
  CHECK((graph != nullptr) == (status == cudaSuccess));
  if (graph) cudaGraphDestroy(graph);
  return status;
}
TEST_CASE("cuda stand-in: calls that a recording thread may not make end the recording", "[fake]") {
  const Stream recorded, other;
  const Event event;
  const Floats block, pinned(true);
  REQUIRE(cudaEventRecord(event.it, other.it) == cudaSuccess);
  void* made = nullptr;
  const std::function<cudaError_t()> calls[] = {[&] { return cudaMalloc(&made, 16); },
                                                [&] { return cudaMallocHost(&made, 16); },
                                                [&] { return cudaFree(block.it); },
                                                [&] { return cudaFreeHost(pinned.it); },
                                                [&] { return cudaStreamSynchronize(recorded.it); },
                                                [&] { return cudaStreamSynchronize(other.it); },
                                                [&] { return cudaDeviceSynchronize(); },
                                                [&] { return cudaEventSynchronize(event.it); },
                                                [&] { return cudaEventQuery(event.it); }};
  for (std::size_t i = 0; i < std::size(calls); ++i) {
    CAPTURE(i);
    REQUIRE(begin(recorded.it) == cudaSuccess);
    CHECK(calls[i]() == cudaErrorStreamCaptureUnsupported);
    CHECK(cudaGetLastError() == cudaErrorStreamCaptureUnsupported);
    CHECK(cudaMemsetAsync(block.it, 0, 16, recorded.it) == cudaErrorStreamCaptureInvalidated);
    CHECK(end(recorded.it) == cudaErrorStreamCaptureInvalidated);
  }
  CHECK(made == nullptr);
  REQUIRE(begin(recorded.it) == cudaSuccess);  // another thread may
  std::thread([&] {
    CHECK(cudaEventSynchronize(event.it) == cudaSuccess);
    CHECK(cudaMalloc(&made, 16) == cudaSuccess);
    CHECK(cudaFree(made) == cudaSuccess);
  }).join();
  CHECK(end(recorded.it) == cudaSuccess);
}

TEST_CASE("cuda stand-in: what is recorded keeps to itself", "[fake]") {
  const Stream recorded, other;
  const Event before, within;
  const Floats block;
  REQUIRE(cudaEventRecord(before.it, other.it) == cudaSuccess);
  REQUIRE(begin(recorded.it) == cudaSuccess);
  CHECK(begin(recorded.it) == cudaErrorIllegalState);
  CHECK(cudaStreamWaitEvent(recorded.it, before.it, 0) == cudaErrorStreamCaptureIsolation);
  CHECK(end(recorded.it) == cudaErrorStreamCaptureInvalidated);

  REQUIRE(begin(recorded.it) == cudaSuccess);
  REQUIRE(cudaEventRecord(within.it, recorded.it) == cudaSuccess);
  CHECK(has(misuse_text([&] { cudaStreamWaitEvent(other.it, within.it, 0); }),
            "cudaStreamWaitEvent: the event is part of another recording"));
  std::string fault;
  std::thread([&] {
    CHECK(cudaEventSynchronize(within.it) == cudaErrorCapturedEvent);
    CHECK(cudaEventQuery(within.it) == cudaErrorCapturedEvent);
    CHECK(cudaStreamSynchronize(recorded.it) == cudaErrorStreamCaptureUnsupported);
    CHECK(end(recorded.it) == cudaErrorStreamCaptureWrongThread);
    fault = misuse_text([&] { cudaMemsetAsync(block.it, 0, 16, recorded.it); });
  }).join();
  CHECK(has(fault, "cudaMemsetAsync: another thread's work"));
  CHECK(end(recorded.it) == cudaErrorStreamCaptureInvalidated);  // by waiting for it
  CHECK(end(recorded.it) == cudaErrorIllegalState);
  CHECK(has(misuse_text([&] { cudaStreamBeginCapture(recorded.it, cudaStreamCaptureModeRelaxed); }),
            "cudaStreamBeginCapture"));
}

TEST_CASE("cuda stand-in: a kernel of another thread does not get into a recording", "[fake]") {
  CudaBackend backend;
  const Tensor t = Tensor::from_host(backend, {4}, std::vector<float>{1, 2, 3, 4});
  std::string fault;
  const auto recording = backend.record([&] {
    std::thread([&] { fault = misuse_text([&] { backend.add(t, t); }); }).join();
    backend.add(t, t);
  });
  CHECK(has(fault, "another thread's work would become part"));
  recording->replay();
  CHECK(t.to_host() == std::vector<float>{2, 4, 6, 8});
}

TEST_CASE("cuda stand-in: a graph holds the work, with the addresses of then", "[fake]") {
  const Stream stream;
  const Floats from, to, host(true);
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t ready = nullptr;
  REQUIRE(begin(stream.it) == cudaSuccess);
  cudaMemcpyAsync(to.it, from.it, 16, cudaMemcpyDeviceToDevice, stream.it);
  CHECK(has(misuse_text([&] {
              float pageable[4];
              cudaMemcpyAsync(pageable, to.it, 16, cudaMemcpyDeviceToHost, stream.it);
            }),
            "pageable memory"));
  REQUIRE(cudaStreamEndCapture(stream.it, &graph) == cudaSuccess);
  REQUIRE(cudaGraphInstantiate(&ready, graph, 0) == cudaSuccess);
  cudaGraphDestroy(graph);
  cudaMemsetAsync(to.it, 0, 16, stream.it);
  for (const int byte : {0x3F, 0x40}) {
    cudaMemsetAsync(from.it, byte, 16, stream.it);
    if (byte == 0x40) REQUIRE(cudaGraphLaunch(ready, stream.it) == cudaSuccess);
    down(to.it, host.it, stream.it);
    cudaStreamSynchronize(stream.it);
    CHECK((host.it[0] > 3) == (byte == 0x40));  // 0 before: a recording does nothing
  }
  cudaGraphExecDestroy(ready);
}

}  // namespace
}  // namespace peclr::fake
