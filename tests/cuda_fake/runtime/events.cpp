// SPDX-License-Identifier: Apache-2.0
// Events: places in a stream's work. Time is counted in pieces of work.
#include <cuda_runtime_api.h>

#include <atomic>

#include "tests/cuda_fake/runtime/error.h"
#include "tests/cuda_fake/runtime/streams.h"

using namespace peclr::fake;

namespace {
std::atomic<int> made = 0;
}
int peclr::fake::events_made() { return made; }

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
  ++made;
  *event = new CUevent_st{.timed = (flags & cudaEventDisableTiming) == 0};
  return cudaSuccess;
}
cudaError_t cudaEventCreate(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, 0); }
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}

// In a stream that records, the event becomes part of the graph, and nobody can wait for it.
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  const auto lock = locked();
  const int status = enqueue(stream, "cudaEventRecord", [] {});
  if (status != cudaSuccess) return result(static_cast<cudaError_t>(status));
  if (!stream) misuse("cudaEventRecord", "events of the default stream are not stood in for");
  event->mark = {stream->queue, stream->queue->asked(), stream->capture != nullptr};
  return cudaSuccess;
}

// "If cudaEventRecord() has not been called on event, this function returns cudaSuccess".
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  const auto lock = locked();
  if (event->mark.captured) return result(cudaErrorCapturedEvent);
  if (const cudaError_t status = forbidden_in_capture()) return result(status);
  if (event->mark.queue) event->mark.queue->finish(event->mark.position);
  return cudaSuccess;
}

// Somebody who asks again and again sees the work go on.
cudaError_t cudaEventQuery(cudaEvent_t event) {
  const auto lock = locked();
  const Mark& mark = event->mark;
  if (mark.captured) return result(cudaErrorCapturedEvent);
  if (const cudaError_t status = forbidden_in_capture()) return result(status);
  if (!mark.queue || mark.queue->is_done(mark.position)) return cudaSuccess;
  mark.queue->step();
  return result(cudaErrorNotReady);
}

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t begin, cudaEvent_t end) {
  const auto lock = locked();
  const Mark &a = begin->mark, &b = end->mark;
  if (!begin->timed || !end->timed || !a.queue || !b.queue)
    return result(cudaErrorInvalidResourceHandle);
  if (a.captured || b.captured) return result(cudaErrorCapturedEvent);
  if (!a.queue->is_done(a.position) || !b.queue->is_done(b.position))
    return result(cudaErrorNotReady);
  if (a.queue != b.queue)
    misuse("cudaEventElapsedTime", "events of two streams are not stood in for");
  *milliseconds = 1e-3f * static_cast<float>(b.position - a.position);
  return cudaSuccess;
}
