// SPDX-License-Identifier: Apache-2.0
// Planted faults that the stand-in for the CUDA runtime must see, and what it must let pass.
#include <cuda_runtime_api.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "engine/cuda/cuda_backend.h"
#include "tests/cuda_fake/misuse_text.h"

CATCH_TRANSLATE_EXCEPTION(const peclr::fake::Misuse& fault) { return fault.text; }

namespace peclr::fake {
namespace {

struct Stream {
  Stream() { cudaStreamCreateWithFlags(&it, cudaStreamNonBlocking); }
  ~Stream() { cudaStreamDestroy(it); }
  cudaStream_t it = nullptr;
};
struct Event {
  Event() { cudaEventCreate(&it); }
  ~Event() { cudaEventDestroy(it); }
  cudaEvent_t it = nullptr;
};
// Four floats of a card, or pinned.
struct Floats {
  explicit Floats(bool pinned = false) : is_pinned(pinned) {
    void* block = nullptr;
    REQUIRE((pinned ? cudaMallocHost(&block, 16) : cudaMalloc(&block, 16)) == cudaSuccess);
    it = static_cast<float*>(block);
  }
  ~Floats() { is_pinned ? cudaFreeHost(it) : cudaFree(it); }
  bool is_pinned;
  float* it;
};

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
void down(const float* from, float* to, cudaStream_t stream) {
  REQUIRE(cudaMemcpyAsync(to, from, 16, cudaMemcpyDeviceToHost, stream) == cudaSuccess);
}
bool has(const std::string& text, const char* words) { return text.find(words) != text.npos; }

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

TEST_CASE("cuda stand-in: nothing is done before somebody waits", "[fake]") {
  if (std::getenv("PECLR_FAKE_STREAMS")) return;  // early ones do not wait
  const Stream first, second;
  const Event copied;
  const Floats block, target(true), source(true);
  for (int i = 0; i < 4; ++i) source.it[i] = 1.f + static_cast<float>(i);
  down(block.it, target.it, first.it);
  cudaMemsetAsync(block.it, 0, 16, first.it);
  target.it[0] = 7;
  CHECK(target.it[0] == 7);  // the copy has not come
  REQUIRE(cudaStreamSynchronize(first.it) == cudaSuccess);
  CHECK(std::isnan(target.it[0]));  // of new memory

  // Pinned memory is read when the work is done: what the host writes too early goes up.
  REQUIRE(cudaMemcpyAsync(block.it, source.it, 16, cudaMemcpyHostToDevice, first.it) == 0);
  REQUIRE(cudaEventRecord(copied.it, first.it) == cudaSuccess);
  source.it[0] = 50;
  // A stream that does not wait is ahead of the copy, one that waits is behind it.
  down(block.it, target.it, second.it);
  REQUIRE(cudaStreamSynchronize(second.it) == cudaSuccess);
  CHECK(target.it[0] == 0);
  REQUIRE(cudaStreamWaitEvent(second.it, copied.it, 0) == cudaSuccess);
  down(block.it, target.it, second.it);
  REQUIRE(cudaStreamSynchronize(second.it) == cudaSuccess);
  CHECK(target.it[0] == 50);
  CHECK(target.it[3] == 4);
}

TEST_CASE("cuda stand-in: events are in the stream's order, and take time", "[fake]") {
  const Stream stream;
  const Event a, b, never;
  const Floats block;
  float milliseconds = 0;
  CHECK(cudaEventSynchronize(never.it) == cudaSuccess);
  CHECK(cudaEventElapsedTime(&milliseconds, never.it, never.it) == cudaErrorInvalidResourceHandle);
  REQUIRE(cudaEventRecord(a.it, stream.it) == cudaSuccess);
  cudaMemsetAsync(block.it, 0, 16, stream.it);
  REQUIRE(cudaEventRecord(b.it, stream.it) == cudaSuccess);
  if (!std::getenv("PECLR_FAKE_STREAMS")) {
    CHECK(cudaEventElapsedTime(&milliseconds, a.it, b.it) == cudaErrorNotReady);
    CHECK(cudaEventQuery(b.it) == cudaErrorNotReady);
  }
  int asked = 0;
  while (cudaEventQuery(b.it) == cudaErrorNotReady && asked < 10) ++asked;
  CHECK(asked < 10);
  CHECK(cudaEventElapsedTime(&milliseconds, a.it, b.it) == cudaSuccess);
  CHECK(milliseconds > 0);
  cudaGetLastError();
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

TEST_CASE("cuda stand-in: memory that is not ours is seen", "[fake]") {
  const Stream stream;
  const Floats block;
  float host[8] = {};
  const auto copy = [&](void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
    return misuse_text([&] { cudaMemcpyAsync(to, from, bytes, kind, stream.it); });
  };
  CHECK(has(copy(block.it, host, 32, cudaMemcpyHostToDevice), "reaches beyond its block"));
  CHECK(has(copy(block.it + 1, host, 16, cudaMemcpyHostToDevice), "reaches beyond its block"));
  CHECK(has(copy(host + 4, host, 16, cudaMemcpyHostToDevice), "not in a card's memory"));
  CHECK(has(copy(host, block.it, 16, cudaMemcpyHostToDevice), "not in a card's memory"));
  CHECK(has(copy(block.it, block.it, 16, cudaMemcpyHostToDevice), "host's side is in a card's"));
  CHECK(copy(block.it, host, 16, cudaMemcpyHostToDevice).empty());
  CHECK(has(misuse_text([&] { cudaFree(block.it + 1); }), "cudaFree: the address is not"));
  CHECK(has(misuse_text([&] { cudaFreeHost(block.it); }), "cudaFreeHost: the address is not"));
  CHECK(has(misuse_text([&] { cudaFree(host); }), "cudaFree: the address is not"));
  CHECK(cudaFree(nullptr) == cudaSuccess);
  CHECK(cudaMemcpy2DAsync(block.it, 4, block.it, 8, 8, 1, cudaMemcpyDeviceToDevice, stream.it) ==
        cudaErrorInvalidPitchValue);
  cudaGetLastError();
}

TEST_CASE("cuda stand-in: a thread on the wrong card is seen", "[fake]") {
  const Stream stream;
  const Floats block;
  std::string work, memory;
  std::thread([&] {
    cudaSetDevice(1);
    const Stream own;
    const Floats other;
    work = misuse_text([&] { cudaMemsetAsync(block.it, 0, 16, stream.it); });
    memory = misuse_text([&] { cudaMemsetAsync(block.it, 0, 16, own.it); });
  }).join();
  CHECK(has(memory, "another card's memory"));
  CHECK(has(work, "the stream is another card's"));
  CHECK(cudaSetDevice(2) == cudaErrorInvalidDevice);
  CHECK(cudaGetLastError() == cudaErrorInvalidDevice);
}

TEST_CASE("cuda stand-in: a backend gives back all that it took", "[fake]") {
  const auto free_bytes = [] {
    std::size_t free = 0, all = 0;
    cudaMemGetInfo(&free, &all);
    return free;
  };
  const std::size_t before = free_bytes();
  {
    CudaBackend backend;
    const Tensor x = backend.activation({2, 8, 8, 16}, DType::f32);
    const Tensor w(backend, {16, 3, 3, 16}, DType::f32),
        y = backend.activation(x.shape(), DType::f32);
    backend.zero(x);
    backend.zero(w);
    backend.conv_forward({1, 1}, x, w, y);
    CHECK(y.to_host() == std::vector<float>(2 * 8 * 8 * 16, 0.f));
    CHECK(free_bytes() < before);
  }
  CHECK(free_bytes() == before);
}

}  // namespace
}  // namespace peclr::fake
