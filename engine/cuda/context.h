// SPDX-License-Identifier: Apache-2.0
// The CUDA runtime: one GPU, one stream, and errors that name the operation. A process works on
// one GPU; any of its threads may.
#pragma once
#include <memory>
#include <string>

#include "engine/allocator.h"
#include "engine/cuda/gpu_choice.h"
#include "kernels/stream.h"

struct CUevent_st;

namespace peclr::cuda {

GpuSurvey survey_gpus();

class Context {
 public:
  // Throws Error(device), one line with what to do: no driver, too old a driver, no such GPU, a GPU
  // that other programs hold.
  explicit Context(int index);
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  Stream stream() const { return stream_; }
  GpuFacts facts() const;  // as of now: how much memory is free changes
  std::string description() const;
  void wait() const;  // until all that was asked for is done

 private:
  int index_;
  GpuFacts facts_;
  Stream stream_ = nullptr;
};

// Makes the GPU of the process's Context the calling thread's. Costs next to nothing.
void enter_gpu();

// The system under a CachingAllocator of the GPU's memory.
void* gpu_allocate(std::size_t bytes);  // null where there is none
void gpu_free(void* block, std::size_t bytes);
// For its errors: how full the card is, of which `ours` bytes are this program's.
std::string gpu_memory_text(std::int64_t ours);

// Throws Error with the operation and CUDA's words unless `status` (a cudaError_t) is success;
// ErrorKind::device where card or driver are at fault.
void check_cuda(int status, std::string_view operation);
// The same of the last error that CUDA keeps for this thread.
void check_last_error(std::string_view operation);

// An event that keeps no times, for threads to wait for.
std::shared_ptr<CUevent_st> new_event();

// All in the stream's order. The first is done on return.
void copy_from_gpu(const void* from, std::size_t bytes, void* to, Stream stream);
// `rows` pieces of `width` bytes, from and to rows of other lengths, on the GPU.
void copy_columns(const void* from, std::size_t from_row, void* to, std::size_t to_row,
                  std::size_t width, std::size_t rows, Stream stream);
void fill_zero(void* to, std::size_t bytes, Stream stream);

}  // namespace peclr::cuda
