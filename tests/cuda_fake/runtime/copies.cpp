// SPDX-License-Identifier: Apache-2.0
// Copies and clearing, in a stream's order. What the host's side may be is in "API synchronization
// behavior" of CUDA's runtime: only pinned memory is copied behind the caller's back.
#include <cuda_runtime_api.h>

#include <cstring>
#include <memory>
#include <vector>

#include "tests/cuda_fake/runtime/error.h"
#include "tests/cuda_fake/runtime/memory.h"
#include "tests/cuda_fake/runtime/streams.h"

using namespace peclr::fake;

namespace {

// Throws Misuse unless [data, data + bytes) is the host's, or one pinned block's.
Place host_place(const char* function, const void* data, std::size_t bytes) {
  const Found found = find(data);
  if (found.place == Place::card) misuse(function, "the host's side is in a card's memory");
  if (found.place == Place::pinned && found.bytes_left < bytes)
    misuse(function, "the host's side reaches beyond its pinned block");
  return found.place;
}

template <class F>
cudaError_t add(cudaStream_t stream, const char* function, F work) {
  return result(static_cast<cudaError_t>(enqueue(stream, function, std::move(work))));
}

}  // namespace

cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  constexpr const char* kName = "cudaMemcpyAsync";
  const auto lock = locked();
  if (bytes == 0) return cudaSuccess;
  const bool up = kind == cudaMemcpyHostToDevice, down = kind == cudaMemcpyDeviceToHost;
  if (!up && !down && kind != cudaMemcpyDeviceToDevice) misuse(kName, "say which way it goes");
  if (!up) require_memory(stream, kName, from, bytes);
  if (!down) require_memory(stream, kName, to, bytes);
  const bool pageable = (up && host_place(kName, from, bytes) == Place::pageable) ||
                        (down && host_place(kName, to, bytes) == Place::pageable);
  if (pageable && is_capturing(stream))
    misuse(kName, "a graph would keep an address of pageable memory");
  if (pageable && up) {  // read before the call returns
    const auto* begin = static_cast<const std::byte*>(from);
    return add(stream, kName, [to, kept = std::vector(begin, begin + bytes)] {
      std::memcpy(to, kept.data(), kept.size());
    });
  }
  const cudaError_t status = add(stream, kName, [=] { std::memcpy(to, from, bytes); });
  if (pageable) finish(stream);  // written before the call returns
  return status;
}

cudaError_t cudaMemcpy2DAsync(void* to, std::size_t to_pitch, const void* from,
                              std::size_t from_pitch, std::size_t width, std::size_t rows,
                              cudaMemcpyKind kind, cudaStream_t stream) {
  constexpr const char* kName = "cudaMemcpy2DAsync";
  const auto lock = locked();
  if (kind != cudaMemcpyDeviceToDevice) misuse(kName, "the stand-in copies within a card only");
  if (width > to_pitch || width > from_pitch) return result(cudaErrorInvalidPitchValue);
  if (width == 0 || rows == 0) return cudaSuccess;
  require_memory(stream, kName, from, (rows - 1) * from_pitch + width);
  require_memory(stream, kName, to, (rows - 1) * to_pitch + width);
  return add(stream, kName, [=] {
    for (std::size_t row = 0; row < rows; ++row)
      std::memcpy(static_cast<std::byte*>(to) + row * to_pitch,
                  static_cast<const std::byte*>(from) + row * from_pitch, width);
  });
}

cudaError_t cudaMemsetAsync(void* to, int value, std::size_t bytes, cudaStream_t stream) {
  constexpr const char* kName = "cudaMemsetAsync";
  const auto lock = locked();
  if (bytes == 0) return cudaSuccess;
  require_memory(stream, kName, to, bytes);
  return add(stream, kName, [=] { std::memset(to, value, bytes); });
}
