// SPDX-License-Identifier: Apache-2.0
// Stopping a run politely: the first signal sets a flag that the training loop looks at after each
// step.
#pragma once

namespace peclr {

// SIGTERM, SIGINT, SIGUSR1 (what batch systems send before the time is up) and SIGHUP ask for a
// stop; a second SIGINT ends the program at once with exit code 130. Writing to a closed pipe or
// beyond a limit on file sizes becomes an ordinary error instead of a silent death. A signal that
// the parent had ignored (nohup) stays ignored.
void install_stop_signals();

// Whether one has arrived: finish the step, save, and exit with kExitSaved.
bool stop_requested();

inline constexpr int kExitSaved = 75;  // EX_TEMPFAIL of sysexits.h: run me again

}  // namespace peclr
