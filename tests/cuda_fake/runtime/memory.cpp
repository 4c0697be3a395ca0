// SPDX-License-Identifier: Apache-2.0
// A card's memory: limited, and full of NaN until somebody writes to it.
#include "tests/cuda_fake/runtime/memory.h"

#include <cuda_runtime_api.h>

#include <cstdlib>
#include <cstring>
#include <map>

#include "tests/cuda_fake/runtime/cards.h"
#include "tests/cuda_fake/runtime/error.h"
#include "tests/cuda_fake/runtime/streams.h"

namespace peclr::fake {
namespace {

// "Any address of a variable residing in global memory or returned by one of the memory allocation
// routines is always aligned to at least 256 bytes" (CUDA C++ Programming Guide, 5.3.2).
constexpr std::size_t kAlignment = 256;

struct Block {
  std::size_t bytes, taken;
  Place place;
  int card;
};
std::map<const std::byte*, Block>& blocks() {
  static auto& all = *new std::map<const std::byte*, Block>;  // outlives all that is static
  return all;
}
std::size_t used[kCards];

cudaError_t allocate(void** address, std::size_t bytes, Place place) {
  const auto lock = locked();
  if (const cudaError_t status = forbidden_in_capture()) return result(status);
  const std::size_t taken = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  const int card = current_card();
  if (place == Place::card && (taken < bytes || used[card] + taken > card_bytes()))
    return result(cudaErrorMemoryAllocation);
  *address = bytes == 0 ? nullptr : std::aligned_alloc(kAlignment, taken);
  if (!*address) return bytes == 0 ? cudaSuccess : result(cudaErrorMemoryAllocation);
  std::memset(*address, 0xFF, taken);
  blocks()[static_cast<std::byte*>(*address)] = {bytes, taken, place, card};
  if (place == Place::card) used[card] += taken;
  return cudaSuccess;
}

// CUDA waits for the cards' work before memory goes.
cudaError_t release(const char* function, void* address, Place place) {
  if (!address) return cudaSuccess;
  const auto lock = locked();
  if (const cudaError_t status = forbidden_in_capture()) return result(status);
  const auto it = blocks().find(static_cast<std::byte*>(address));
  if (it == blocks().end() || it->second.place != place)
    misuse(function, "the address is not the beginning of a block that it can free");
  finish_all();
  if (place == Place::card) used[it->second.card] -= it->second.taken;
  blocks().erase(it);
  std::free(address);
  return cudaSuccess;
}

}  // namespace

Found find(const void* address) {
  const auto* at = static_cast<const std::byte*>(address);
  auto it = blocks().upper_bound(at);
  if (it == blocks().begin()) return {};
  --it;
  const auto before = static_cast<std::size_t>(at - it->first);
  if (before >= it->second.bytes) return {};
  return {it->second.place, it->second.card, it->second.bytes - before};
}

std::size_t bytes_in_use(int card) { return used[card]; }

void require_memory(Stream stream, const char* function, const void* data, std::size_t bytes) {
  const auto lock = locked();
  const Found found = find(data);
  if (found.place != Place::card) misuse(function, "an operand is not in a card's memory");
  if (found.card != card_of(stream)) misuse(function, "an operand is in another card's memory");
  if (found.bytes_left < bytes) misuse(function, "an operand reaches beyond its block of memory");
}

}  // namespace peclr::fake

using namespace peclr::fake;

cudaError_t cudaMalloc(void** address, std::size_t bytes) {
  return allocate(address, bytes, Place::card);
}
cudaError_t cudaFree(void* address) { return release("cudaFree", address, Place::card); }
cudaError_t cudaMallocHost(void** address, std::size_t bytes) {
  return allocate(address, bytes, Place::pinned);
}
cudaError_t cudaFreeHost(void* address) { return release("cudaFreeHost", address, Place::pinned); }
