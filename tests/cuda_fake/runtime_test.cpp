// SPDX-License-Identifier: Apache-2.0
// Planted faults in the use of streams and memory that the stand-in for the CUDA runtime must see,
// and what it must let pass.
#include <cmath>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "engine/cuda/cuda_backend.h"
#include "tests/cuda_fake/runtime_objects.h"
#include "tests/support/environment.h"
#include "tests/support/files.h"

CATCH_TRANSLATE_EXCEPTION(const peclr::fake::Misuse& fault) { return fault.text; }

namespace peclr::fake {
namespace {

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

TEST_CASE("cuda stand-in: a card that is full when pictures arrive is an error that says so",
          "[fake]") {
  CudaBackend backend;
  const Tensor images = backend.pictures(1, 32, DType::f32);
  const std::vector<std::uint8_t> picture(4 * 512 * 512);
  const AugmentRequest request{picture.data(), 512, 512, {}, 0};
  const test::EnvironmentVariable full("PECLR_FAKE_MEMORY_MIB", "1");
  const test::Caught error = test::caught([&] { backend.augment({&request, 1}, images); });
  CAPTURE(error.text);
  CHECK(error.names("MiB asked for on the device, for pictures on their way"));
}

}  // namespace
}  // namespace peclr::fake
