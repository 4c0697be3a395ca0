// SPDX-License-Identifier: Apache-2.0
// CUDA's names for a host compiler. Only kernels/device.h includes this. Whatever makes threads
// meet goes through the few functions of peclr::simt below, which tests/simt defines.
//
// Semantics are CUDA's with independent thread scheduling: exited threads are not waited for; a
// shuffle or a vote orders no memory, __syncwarp and __syncthreads do.
#pragma once
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <type_traits>
#include <vector>

#include "kernels/stream.h"

struct alignas(8) uint2 {
  unsigned x, y;
};
struct uint3 {
  unsigned x, y, z;
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
struct alignas(8) float2 {
  float x, y;
};
inline float2 make_float2(float x, float y) { return {x, y}; }

// Of the thread that runs; set by the emulator.
inline constinit thread_local uint3 threadIdx{}, blockIdx{}, blockDim{}, gridDim{};

namespace peclr::simt {

// The place in a kernel that calls; a default argument, so that it is the caller's.
struct Where {
  const char* file = "";
  int line = 0;
  static constexpr Where here(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    return {file, line};
  }
};

struct Launch {
  const char *kernel, *type;  // its name for messages, and typeid's of the whole type
  uint3 grid;
  unsigned threads;
  std::size_t shared_bytes, shared_alignment;
  void (*thread)(const void* params, void* shared);
  const void* params;
  std::size_t params_bytes;
  Stream stream;
};
// Runs all threads of all blocks and returns. Throws Fault (tests/simt/emulator/fault.h) where a
// GPU would hang or its result would be undefined.
void run(const Launch& launch);

// While one lives, launches of its thread are not run but added to `tasks`, with their parameters
// as they are now: the emulator's graphs.
using Tasks = std::vector<std::function<void()>>;
class Recorder {
 public:
  explicit Recorder(Tasks& tasks);
  ~Recorder();
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;
};

// Where launches of all threads go instead, with their stream, if anywhere: CUDA's streams as tests
// stand in for them (tests/cuda_fake). Null has each run at once.
using Queue = void (*)(Stream stream, const char* kernel, std::function<void()> work);
void set_queue(Queue queue);

void block_barrier(Where where);

// Every live lane of `mask` brings `mine`; the last to arrive calls resolve(lanes, live) once with
// the deposits of the live lanes, nullptr for the others; then all go on.
using Resolve = void (*)(void* const* lanes, unsigned live);
enum class Memory { unordered, ordered };  // whether the meeting orders accesses to memory
void warp_meeting(const char* operation, unsigned mask, void* mine, Resolve resolve, Memory memory,
                  Where where);

// resolve for a type of deposit: resolve(T* const* lanes, unsigned live).
template <class T, void (*resolve)(T* const* lanes, unsigned live)>
void meet(const char* operation, unsigned mask, T& mine, Where where) {
  warp_meeting(
      operation, mask, &mine,
      [](void* const* lanes, unsigned live) {
        T* typed[32];
        for (int lane = 0; lane < 32; ++lane) typed[lane] = static_cast<T*>(lanes[lane]);
        resolve(typed, live);
      },
      Memory::unordered, where);
}

// Throws where a shuffle reads a lane that is not in the mask (before) or has exited (after).
void check_source(unsigned lane, unsigned lanes, Where where);
void check_aligned(const void* address, std::size_t alignment, Where where);

// For the race detector: what an atomic and a fence order between threads.
void before_atomic(const void* address);
void after_atomic(const void* address);
void fence();

struct Exchange {
  std::uint64_t value, result;
  unsigned source;
  Where where;
};
inline void exchange(Exchange* const* lanes, unsigned live) {
  for (int lane = 0; lane < 32; ++lane) {
    if (!lanes[lane]) continue;
    check_source(lanes[lane]->source, live, lanes[lane]->where);
    lanes[lane]->result = lanes[lanes[lane]->source]->value;
  }
}
template <class T>
T shuffle(const char* operation, unsigned mask, T value, unsigned source, Where where) {
  static_assert(std::is_arithmetic_v<T> && (sizeof(T) == 4 || sizeof(T) == 8));
  check_source(source, mask, where);
  Exchange mine{0, 0, source, where};
  std::memcpy(&mine.value, &value, sizeof value);
  meet<Exchange, exchange>(operation, mask, mine, where);
  std::memcpy(&value, &mine.result, sizeof value);
  return value;
}

struct Vote {
  bool yes;
  unsigned result;
};
inline void ballot(Vote* const* lanes, unsigned) {
  unsigned votes = 0;
  for (int lane = 0; lane < 32; ++lane)
    if (lanes[lane] && lanes[lane]->yes) votes |= 1u << lane;
  for (int lane = 0; lane < 32; ++lane)
    if (lanes[lane]) lanes[lane]->result = votes;
}

// old -> f(old), as one step.
template <class T, class F>
T atomic_update(T* address, F f) {
  before_atomic(address);
  std::atomic_ref<T> value(*address);
  T old = value.load(std::memory_order_relaxed);
  while (!value.compare_exchange_weak(old, f(old), std::memory_order_relaxed)) {
  }
  after_atomic(address);
  return old;
}

inline unsigned lane() { return threadIdx.x % 32; }

}  // namespace peclr::simt

// ---- Meetings.
inline void __syncthreads(peclr::simt::Where where = peclr::simt::Where::here()) {
  peclr::simt::block_barrier(where);
}
inline void __syncwarp(unsigned mask = 0xFFFFFFFFu,
                       peclr::simt::Where where = peclr::simt::Where::here()) {
  peclr::simt::warp_meeting("__syncwarp", mask, nullptr, nullptr, peclr::simt::Memory::ordered,
                            where);
}
template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32,
              peclr::simt::Where where = peclr::simt::Where::here()) {
  const unsigned w = static_cast<unsigned>(width), lane = peclr::simt::lane();
  const unsigned from = (lane & ~(w - 1)) | (static_cast<unsigned>(source) & (w - 1));
  return peclr::simt::shuffle("__shfl_sync", mask, value, from, where);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32,
                  peclr::simt::Where where = peclr::simt::Where::here()) {
  const unsigned w = static_cast<unsigned>(width), lane = peclr::simt::lane();
  const unsigned from = (lane ^ static_cast<unsigned>(bits)) & 31;
  return peclr::simt::shuffle("__shfl_xor_sync", mask, value, from / w > lane / w ? lane : from,
                              where);
}
inline unsigned __ballot_sync(unsigned mask, int yes,
                              peclr::simt::Where where = peclr::simt::Where::here()) {
  peclr::simt::Vote mine{yes != 0, 0};
  peclr::simt::meet<peclr::simt::Vote, peclr::simt::ballot>("__ballot_sync", mask, mine, where);
  return mine.result;
}

// ---- Memory.
inline void __threadfence() { peclr::simt::fence(); }
inline unsigned atomicAdd(unsigned* p, unsigned x) {
  return peclr::simt::atomic_update(p, [x](unsigned old) { return old + x; });
}
inline unsigned atomicInc(unsigned* p, unsigned last) {  // 0, 1, .., last, 0, ..
  return peclr::simt::atomic_update(p, [last](unsigned old) { return old >= last ? 0 : old + 1; });
}
template <class T>
T __ldg(const T* p, peclr::simt::Where where = peclr::simt::Where::here()) {
  peclr::simt::check_aligned(p, sizeof(T), where);
  return *p;
}
template <class T>
T __ldcs(const T* p, peclr::simt::Where where = peclr::simt::Where::here()) {
  peclr::simt::check_aligned(p, sizeof(T), where);
  return *p;
}
template <class T>
void __stcs(T* p, std::type_identity_t<T> value,
            peclr::simt::Where where = peclr::simt::Where::here()) {
  peclr::simt::check_aligned(p, sizeof(T), where);
  *p = value;
}

// ---- Arithmetic. sqrtf, fmaf, fminf, expf and the like come from <cmath>.
inline int min(int a, int b) { return b < a ? b : a; }
inline int max(int a, int b) { return a < b ? b : a; }
inline unsigned min(unsigned a, unsigned b) { return b < a ? b : a; }
inline unsigned max(unsigned a, unsigned b) { return a < b ? b : a; }
