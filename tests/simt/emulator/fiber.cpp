// SPDX-License-Identifier: Apache-2.0
#include "tests/simt/emulator/fiber.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <new>

// PECLR_SIMT_UCONTEXT asks for the portable way where there is a quicker one.
#if !defined(__x86_64__) && !defined(PECLR_SIMT_UCONTEXT)
#define PECLR_SIMT_UCONTEXT
#endif
#if defined(PECLR_SIMT_UCONTEXT)
#include <ucontext.h>
#endif

namespace peclr::simt {
namespace {

const std::size_t kPage = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
std::size_t stride() { return kStackBytes + kPage; }

}  // namespace

#if !defined(PECLR_SIMT_UCONTEXT)

// Registers that a called function must keep go to the stack that is left; the rest is the
// compiler's business. Kernels do not change the floating-point modes.
asm(R"(
.text
.globl peclr_simt_switch
.type peclr_simt_switch, @function
peclr_simt_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size peclr_simt_switch, .-peclr_simt_switch
)");
extern "C" void peclr_simt_switch(void** left, void* entered);

namespace {
void jump(Fiber& from, Fiber& to) { peclr_simt_switch(&from.context, to.context); }
void enter_at_next_jump(Fiber& fiber, std::byte* top) {
  auto* slot = reinterpret_cast<void**>(top);
  *--slot = nullptr;  // the entry's return address: nobody called it
  *--slot = reinterpret_cast<void*>(fiber.entry);
  for (int saved = 0; saved < 6; ++saved) *--slot = nullptr;
  fiber.context = slot;
}
}  // namespace

#else

namespace {
ucontext_t& context_of(Fiber& fiber) {
  static thread_local ucontext_t host;
  if (!fiber.context) fiber.context = &host;
  return *static_cast<ucontext_t*>(fiber.context);
}
void jump(Fiber& from, Fiber& to) { swapcontext(&context_of(from), &context_of(to)); }
void enter_at_next_jump(Fiber& fiber, std::byte* top) {
  top -= (sizeof(ucontext_t) + 15) / 16 * 16;  // kept above the stack
  fiber.context = top;
  ucontext_t& context = context_of(fiber);
  getcontext(&context);
  auto* bottom = static_cast<std::byte*>(const_cast<void*>(fiber.bottom));
  context.uc_stack.ss_sp = bottom;
  context.uc_stack.ss_size = static_cast<std::size_t>(top - bottom);
  context.uc_link = nullptr;
  makecontext(&context, fiber.entry, 0);
}
}  // namespace

#endif

void switch_fiber(Fiber& from, Fiber& to) {
  asan::start_switch(&from.fake_stack, to.bottom, to.size);
  tsan::switch_to(to.tsan_fiber);
  jump(from, to);
  asan::finish_switch(from.fake_stack, nullptr, nullptr);
}

void fiber_entered(Fiber& host) { asan::finish_switch(nullptr, &host.bottom, &host.size); }

Stacks::Stacks(std::size_t count) : count_(count) {
  void* memory = mmap(nullptr, count * stride(), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  memory_ = static_cast<std::byte*>(memory);
  for (std::size_t i = 0; i < count; ++i) mprotect(memory_ + i * stride(), kPage, PROT_NONE);
}

Stacks::~Stacks() {
  asan::forget_frames(memory_, count_ * stride());
  munmap(memory_, count_ * stride());
}

void Stacks::prepare(Fiber& fiber, std::size_t index, void (*entry)()) {
  std::byte* bottom = memory_ + index * stride() + kPage;
  fiber.bottom = bottom;
  fiber.size = kStackBytes;
  fiber.fake_stack = nullptr;
  fiber.entry = entry;
  asan::forget_frames(bottom, kStackBytes);
  // Stacks that all began at the same place of a page would fight for the same lines of the cache.
  enter_at_next_jump(fiber, bottom + kStackBytes - index % 32 * 576);
}

}  // namespace peclr::simt
