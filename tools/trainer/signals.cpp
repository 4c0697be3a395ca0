// SPDX-License-Identifier: Apache-2.0
#include "tools/trainer/signals.h"

#include <signal.h>
#include <unistd.h>

#include <initializer_list>

namespace peclr {
namespace {

volatile sig_atomic_t stop = 0;
volatile sig_atomic_t interrupts = 0;

// Only what POSIX allows in a handler: flags and _exit.
extern "C" void on_stop_signal(int signal) {
  stop = 1;
  if (signal != SIGINT) return;
  interrupts = interrupts + 1;
  if (interrupts > 1) _exit(128 + SIGINT);
}

}  // namespace

void install_stop_signals() {
  struct sigaction action {};
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  for (const int signal : {SIGTERM, SIGINT, SIGUSR1, SIGHUP}) {
    struct sigaction before {};
    sigaction(signal, nullptr, &before);
    if (before.sa_handler == SIG_IGN) continue;
    action.sa_handler = on_stop_signal;
    sigaction(signal, &action, nullptr);
  }
  action.sa_handler = SIG_IGN;
  for (const int signal : {SIGPIPE, SIGXFSZ}) sigaction(signal, &action, nullptr);
}

bool stop_requested() { return stop != 0; }

}  // namespace peclr
