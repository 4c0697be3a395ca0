// SPDX-License-Identifier: Apache-2.0
// Signals: each in a child of its own, which tells by its exit code what it saw.
#include "tools/trainer/signals.h"

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>

namespace peclr {
namespace {

// The exit code of a child that runs `body`; 128 + n if signal n killed it.
template <class F>
int exit_code_of(F&& body) {
  const pid_t child = fork();
  if (child == 0) {
    for (const int number : {SIGTERM, SIGINT, SIGUSR1, SIGHUP})
      std::signal(number, SIG_DFL);  // not Catch's
    body();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

TEST_CASE("signals: asked to stop, the program goes on until it looks") {
  for (const int signal : {SIGTERM, SIGINT, SIGUSR1, SIGHUP}) {
    CHECK(exit_code_of([&] {
            install_stop_signals();
            if (stop_requested()) _exit(1);
            raise(signal);
            _exit(stop_requested() ? kExitSaved : 2);
          }) == 75);
    // Without the handler the same signal kills: the checker can fail.
    CHECK(exit_code_of([&] { raise(signal); }) == 128 + signal);
  }
}

TEST_CASE("signals: the second SIGINT ends it at once") {
  const auto twice = [](int first, int second) {
    install_stop_signals();
    raise(first);
    raise(second);
    _exit(3);
  };
  CHECK(exit_code_of([&] { twice(SIGINT, SIGINT); }) == 130);
  CHECK(exit_code_of([&] { twice(SIGTERM, SIGTERM); }) == 3);
  CHECK(exit_code_of([&] { twice(SIGTERM, SIGINT); }) == 3);
}

TEST_CASE("signals: what the parent ignored stays ignored, a closed pipe is an error, not an end") {
  CHECK(exit_code_of([] {
          signal(SIGHUP, SIG_IGN);
          install_stop_signals();
          raise(SIGHUP);
          raise(SIGPIPE);
          raise(SIGXFSZ);
          _exit(stop_requested() ? 1 : 4);
        }) == 4);
}

}  // namespace
}  // namespace peclr
