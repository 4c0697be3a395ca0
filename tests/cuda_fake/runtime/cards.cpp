// SPDX-License-Identifier: Apache-2.0
#include "tests/cuda_fake/runtime/cards.h"

#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "tests/cuda_fake/misuse.h"
#include "tests/cuda_fake/runtime/error.h"
#include "tests/cuda_fake/runtime/memory.h"

namespace peclr::fake {
namespace {

thread_local int card_of_thread = 0;
thread_local cudaError_t last_error = cudaSuccess;

bool exists(int card) { return card >= 0 && card < kCards; }

}  // namespace

void misuse(std::string_view function, std::string_view rule) {
  Misuse fault{std::string(function) + ": " + std::string(rule)};
  std::fprintf(stderr, "CUDA's stand-in: %s\n", fault.text.c_str());
  throw fault;
}

cudaError_t result(cudaError_t status) {
  if (status != cudaSuccess) last_error = status;
  return status;
}

std::unique_lock<std::recursive_mutex> locked() {
  static std::recursive_mutex& mutex = *new std::recursive_mutex;  // outlives all that is static
  return std::unique_lock(mutex);
}

int current_card() { return card_of_thread; }

std::size_t card_bytes() {
  const char* mib = std::getenv("PECLR_FAKE_MEMORY_MIB");
  return (mib ? std::strtoull(mib, nullptr, 10) : 8192) << 20;
}

}  // namespace peclr::fake

using namespace peclr::fake;

cudaError_t cudaDriverGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t cudaGetDeviceCount(int* count) {
  *count = kCards;
  return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int card) {
  if (!exists(card)) return result(cudaErrorInvalidDevice);
  *properties = {};
  std::snprintf(properties->name, sizeof properties->name, "stand-in for a GPU");
  properties->major = 9;
  properties->totalGlobalMem = card_bytes();
  return cudaSuccess;
}

cudaError_t cudaSetDevice(int card) {
  if (!exists(card)) return result(cudaErrorInvalidDevice);
  card_of_thread = card;
  return cudaSuccess;
}

cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  const auto lock = locked();
  *total = card_bytes();
  *free = *total - std::min(*total, bytes_in_use(current_card()));
  return cudaSuccess;
}

cudaError_t cudaGetLastError() {
  const cudaError_t status = last_error;
  last_error = cudaSuccess;
  return status;
}

const char* cudaGetErrorName(cudaError_t status) {
  switch (status) {
    case cudaSuccess:
      return "cudaSuccess";
    case cudaErrorMemoryAllocation:
      return "cudaErrorMemoryAllocation";
    case cudaErrorNotReady:
      return "cudaErrorNotReady";
    case cudaErrorStreamCaptureUnsupported:
      return "cudaErrorStreamCaptureUnsupported";
    case cudaErrorStreamCaptureInvalidated:
      return "cudaErrorStreamCaptureInvalidated";
    case cudaErrorStreamCaptureIsolation:
      return "cudaErrorStreamCaptureIsolation";
    case cudaErrorCapturedEvent:
      return "cudaErrorCapturedEvent";
    default:
      return "an error of CUDA's stand-in";
  }
}

const char* cudaGetErrorString(cudaError_t status) {
  return status == cudaSuccess ? "no error" : cudaGetErrorName(status);
}
