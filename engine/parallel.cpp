// SPDX-License-Identifier: Apache-2.0
#include "engine/parallel.h"

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace peclr {
namespace {

std::atomic<int> wanted_threads{0};
thread_local bool serial = false;

}  // namespace

void set_threads(int count) {
  wanted_threads = count;
  omp_set_num_threads(threads());
}

int threads() {
  const int wanted = wanted_threads;
  return wanted > 0 ? wanted : std::max(1u, std::thread::hardware_concurrency());
}

void stay_serial_on_this_thread() { serial = true; }

void parallel_run(std::int64_t n, std::int64_t grain, ParallelBody body, void* context) {
  if (n <= 0) return;
  const std::int64_t chunks = (n + grain - 1) / grain;
  std::exception_ptr failure;
  std::mutex failure_mutex;
  auto run = [&](std::int64_t chunk) {
    try {
      body(context, chunk * grain, std::min(n, (chunk + 1) * grain));
    } catch (...) {
      std::lock_guard lock(failure_mutex);
      if (!failure) failure = std::current_exception();
    }
  };
  const int team =
      static_cast<int>(serial || omp_in_parallel() ? 1 : std::min<std::int64_t>(threads(), chunks));
#ifdef PECLR_TSAN  // ThreadSanitizer does not know libgomp's barriers
  std::atomic<std::int64_t> next{0};
  std::vector<std::thread> workers;
  for (int t = 0; t < team; ++t)
    workers.emplace_back([&] {
      serial = true;
      for (std::int64_t c; (c = next++) < chunks;) run(c);
    });
  for (auto& worker : workers) worker.join();
#else
  if (team == 1) {
    for (std::int64_t c = 0; c < chunks; ++c) run(c);
  } else {
#pragma omp parallel for schedule(dynamic) num_threads(team)
    for (std::int64_t c = 0; c < chunks; ++c) run(c);
  }
#endif
  if (failure) std::rethrow_exception(failure);
}

}  // namespace peclr
