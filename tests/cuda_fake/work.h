// SPDX-License-Identifier: Apache-2.0
// What the stand-ins for cuDNN and cuBLASLt, and the emulator's launches, need of the runtime's.
// They lie in libraries of their own, and find these functions in the program.
#pragma once
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <utility>

#include "kernels/stream.h"
#include "tests/cuda_fake/misuse.h"

namespace peclr::fake {

// A piece of work, and the one behind it. Its memory is not operator new's, whose calls by the
// engine tests count.
struct Work {
  virtual ~Work() = default;
  virtual void run() = 0;
  std::unique_ptr<Work> next;

  static void* operator new(std::size_t bytes) { return std::malloc(bytes); }
  static void operator delete(void* block) { std::free(block); }
};

// Behind all that the stream has been asked for, or into the graph that it records. Returns a
// cudaError_t: cudaErrorStreamCaptureInvalidated where the recording has failed already.
int enqueue_work(Stream stream, const char* function, std::unique_ptr<Work> work);
template <class F>
int enqueue(Stream stream, const char* function, F f) {
  struct Call final : Work {
    explicit Call(F f) : call(std::move(f)) {}
    void run() override { call(); }
    F call;
  };
  return enqueue_work(stream, function, std::make_unique<Call>(std::move(f)));
}

// Throws Misuse unless the bytes lie in one block of the stream's card.
void require_memory(Stream stream, const char* function, const void* data, std::size_t bytes);

}  // namespace peclr::fake
