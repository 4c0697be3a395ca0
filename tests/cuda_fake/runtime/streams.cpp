// SPDX-License-Identifier: Apache-2.0
#include "tests/cuda_fake/runtime/streams.h"

#include <algorithm>
#include <array>
#include <set>

#include "tests/cuda_fake/runtime/cards.h"
#include "tests/cuda_fake/runtime/error.h"

namespace peclr::fake {
namespace {

// The default stream of each card is null.
CUstream_st& default_stream() {
  static auto& all = *new std::array<CUstream_st, kCards>;
  for (int card = 0; card < kCards; ++card) all[static_cast<std::size_t>(card)].card = card;
  return all[static_cast<std::size_t>(current_card())];
}
std::set<CUstream_st*>& made() {
  static auto& all = *new std::set<CUstream_st*>;
  return all;
}

CUstream_st& the(cudaStream_t stream, const char* function) {
  if (!stream) return default_stream();
  if (made().count(stream) == 0) misuse(function, "no such stream");
  return *stream;
}

}  // namespace

bool is_capturing(cudaStream_t stream) { return stream && stream->capture; }
int card_of(cudaStream_t stream) { return the(stream, "a stream").card; }

cudaError_t forbidden_in_capture() {
  for (CUstream_st* stream : made())
    if (stream->capture && stream->capture->thread == std::this_thread::get_id()) {
      stream->capture->broken = true;
      return cudaErrorStreamCaptureUnsupported;
    }
  return cudaSuccess;
}

void finish(cudaStream_t stream) {
  Queue& queue = *the(stream, "waiting for a stream").queue;
  queue.finish(queue.asked());
}

void finish_all() {
  const auto all = made();
  for (CUstream_st* stream : all) finish(stream);
  finish(nullptr);
}

int enqueue_work(Stream stream, const char* function, std::unique_ptr<Work> work) {
  const auto lock = locked();
  CUstream_st& to = the(stream, function);
  if (to.card != current_card()) misuse(function, "the stream is another card's than the thread's");
  if (!to.capture) {
    to.queue->add(std::move(work));
    return cudaSuccess;
  }
  if (to.capture->thread != std::this_thread::get_id())
    misuse(function, "another thread's work would become part of the graph that is recorded");
  if (to.capture->broken) return cudaErrorStreamCaptureInvalidated;
  to.capture->work.push_back(std::move(work));
  return cudaSuccess;
}

}  // namespace peclr::fake

using namespace peclr::fake;

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  const auto lock = locked();
  if (flags != cudaStreamNonBlocking)
    misuse("cudaStreamCreateWithFlags",
           "one that waits for the default stream is not stood in for");
  *stream = new CUstream_st{.card = current_card()};
  made().insert(*stream);
  return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  const auto lock = locked();
  CUstream_st& gone = the(stream, "cudaStreamDestroy");
  if (gone.capture) misuse("cudaStreamDestroy", "the stream is being recorded");
  gone.queue->finish(gone.queue->asked());
  made().erase(stream);
  delete stream;
  return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  const auto lock = locked();
  if (const cudaError_t status = forbidden_in_capture()) return result(status);
  if (CUstream_st& it = the(stream, "cudaStreamSynchronize"); it.capture) {
    it.capture->broken = true;
    return result(cudaErrorStreamCaptureUnsupported);
  }
  finish(stream);
  return cudaSuccess;
}

cudaError_t cudaDeviceSynchronize() {
  const auto lock = locked();
  if (const cudaError_t status = forbidden_in_capture()) return result(status);
  finish_all();
  return cudaSuccess;
}

// A stream that records may wait only for what is recorded with it; one that does not would be
// drawn into the recording by waiting for what is recorded, which nothing here is meant to do.
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  constexpr const char* kName = "cudaStreamWaitEvent";
  const auto lock = locked();
  CUstream_st& waiting = the(stream, kName);
  const Mark mark = event->mark;
  if (mark.captured && !waiting.capture) misuse(kName, "the event is part of another recording");
  if (waiting.capture && !mark.captured) {
    waiting.capture->broken = true;
    return result(cudaErrorStreamCaptureIsolation);
  }
  if (!mark.queue || mark.captured) return cudaSuccess;
  return result(static_cast<cudaError_t>(
      enqueue(stream, kName, [mark] { mark.queue->finish(mark.position); })));
}
