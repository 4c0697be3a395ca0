// SPDX-License-Identifier: Apache-2.0
// Streams, events and recordings. A stream does its work as late as CUDA may: when somebody waits
// for it. So a host that does not wait reads what was there before (NaN in new memory), and work
// that should wait for another stream but does not comes first. PECLR_FAKE_STREAMS=early has all
// work done at once.
#pragma once
#include <cuda_runtime_api.h>

#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "tests/cuda_fake/work.h"

namespace peclr::fake {

// Work in its order. Work may wait for another queue's.
class Queue {
 public:
  void add(std::unique_ptr<Work> work);
  std::uint64_t asked() const { return asked_; }
  bool is_done(std::uint64_t position) const { return done_ >= position; }
  void finish(std::uint64_t position);  // until is_done
  void step();                          // the next piece of work, if any

 private:
  std::unique_ptr<Work> first_;
  Work* last_ = nullptr;
  std::uint64_t asked_ = 0, done_ = 0;
};

// What a stream had been asked for when an event was recorded.
struct Mark {
  std::shared_ptr<Queue> queue;  // null: never recorded
  std::uint64_t position = 0;
  bool captured = false;
};

// Of a stream that records, between cudaStreamBeginCapture and cudaStreamEndCapture.
struct Capture {
  std::thread::id thread;
  bool broken = false;
  std::vector<std::unique_ptr<Work>> work;
};

// All under locked().
bool is_capturing(cudaStream_t stream);
// "Potentially unsafe API calls are prohibited" in a thread that records in the mode thread-local
// (cudaThreadExchangeStreamCaptureMode): breaks the recording and returns
// cudaErrorStreamCaptureUnsupported. cudaSuccess in other threads.
cudaError_t forbidden_in_capture();
void finish(cudaStream_t stream);
void finish_all();
int card_of(cudaStream_t stream);
int events_made();  // so far

}  // namespace peclr::fake

// CUDA's headers only name them.
struct CUstream_st {
  int card = 0;
  std::shared_ptr<peclr::fake::Queue> queue = std::make_shared<peclr::fake::Queue>();
  std::unique_ptr<peclr::fake::Capture> capture;
};
struct CUevent_st {
  bool timed = true;
  peclr::fake::Mark mark;
};
