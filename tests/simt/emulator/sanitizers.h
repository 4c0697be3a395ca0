// SPDX-License-Identifier: Apache-2.0
// What AddressSanitizer and ThreadSanitizer must be told about fibers, and nothing without them.
//
// The emulator itself is compiled without ThreadSanitizer (CMakeLists.txt defines PECLR_SIMT_RACES
// instead): only what kernels do is watched. Every emulated thread is a fiber of its own to it, and
// switching orders nothing; only barriers, fences with atomics, and the start and end of a launch
// do.
#pragma once
#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#define PECLR_SIMT_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PECLR_SIMT_ASAN 1
#endif
#endif

#if defined(PECLR_SIMT_ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(PECLR_SIMT_RACES)
#include <sanitizer/tsan_interface.h>
extern "C" void __tsan_ignore_thread_begin();
extern "C" void __tsan_ignore_thread_end();
#endif

namespace peclr::simt::asan {

#if defined(PECLR_SIMT_ASAN)
inline void start_switch(void** fake_stack, const void* bottom, std::size_t size) {
  __sanitizer_start_switch_fiber(fake_stack, bottom, size);
}
inline void finish_switch(void* fake_stack, const void** bottom, std::size_t* size) {
  __sanitizer_finish_switch_fiber(fake_stack, bottom, size);
}
// A fiber that was given up in the middle leaves the red zones of its frames behind.
inline void forget_frames(const void* bottom, std::size_t size) {
  __asan_unpoison_memory_region(bottom, size);
}
#else
inline void forget_frames(const void*, std::size_t) {}
inline void start_switch(void**, const void*, std::size_t) {}
inline void finish_switch(void*, const void**, std::size_t*) {}
#endif

}  // namespace peclr::simt::asan

namespace peclr::simt::tsan {

#if defined(PECLR_SIMT_RACES)
inline constexpr bool kOn = true;
inline void* current_fiber() { return __tsan_get_current_fiber(); }
inline void* create_fiber(const char* name) {
  void* fiber = __tsan_create_fiber(0);
  __tsan_set_fiber_name(fiber, name);
  return fiber;
}
inline void destroy_fiber(void* fiber) { __tsan_destroy_fiber(fiber); }
inline void switch_to(void* fiber) {
  __tsan_switch_to_fiber(fiber, __tsan_switch_to_fiber_no_sync);
}
inline void release(const void* token) { __tsan_release(const_cast<void*>(token)); }
inline void acquire(const void* token) { __tsan_acquire(const_cast<void*>(token)); }
struct Unwatched {  // what is done in its life is no access to memory
  Unwatched() { __tsan_ignore_thread_begin(); }
  ~Unwatched() { __tsan_ignore_thread_end(); }
};
#else
inline constexpr bool kOn = false;
inline void* current_fiber() { return nullptr; }
inline void* create_fiber(const char*) { return nullptr; }
inline void destroy_fiber(void*) {}
inline void switch_to(void*) {}
inline void release(const void*) {}
inline void acquire(const void*) {}
struct Unwatched {
  Unwatched() {}
};
#endif

}  // namespace peclr::simt::tsan
