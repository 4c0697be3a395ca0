// SPDX-License-Identifier: Apache-2.0
// The program as a person runs it: arguments in, what it prints and its exit code out. It can be
// stopped by a signal once a condition holds, which is how a test pulls the plug at a chosen
// moment.
#pragma once
#include <csignal>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace peclr::test {

using Args = std::vector<std::string>;

struct ProgramOptions {
  std::vector<std::pair<std::string, std::string>> env;  // added to the test's own
  double timeout_seconds = 600;  // generous: only a hang, never a slow machine, is to run into it
  std::int64_t file_bytes = -1;  // largest file it may write, as a full disk would have it; -1: any
  int open_files = -1;           // largest number of descriptors; -1: any
  std::int64_t address_bytes = -1;  // of its address space, as `ulimit -v` has it; -1: any
  // Even root is held to the modes of files; where root cannot drop that right: exit code 126.
  bool obeys_modes = false;
  std::string stdout_to;       // a file that takes what it prints, e.g. /dev/full; empty: a pipe
  std::string stderr_to;       // the same of its notes
  std::vector<int> closed;     // of 0, 1 and 2: streams that it starts without
  int signal = SIGKILL;        // what is sent, once, when `when` holds
  std::function<bool()> when;  // asked every few milliseconds while the program runs
};

struct ProgramResult {
  int exit_code = -1;  // 128 + n if signal n ended it, as a shell has it
  bool timed_out = false;
  bool signalled = false;  // `when` held while it ran
  std::string out, err;    // stdout and stderr

  // The last line on stderr, without its end.
  std::string last_line() const;
  bool says(std::string_view part) const { return err.find(part) != std::string::npos; }
  bool prints(std::string_view part) const { return out.find(part) != std::string::npos; }
  // A refusal as the program promises it: this exit code, and last of all one line that begins with
  // "peclr: " and holds every part.
  bool refuses(int code, const std::vector<std::string>& parts) const;
};

// For Catch: what a failed check should show.
std::string described(const ProgramResult& result);

// Runs the build's peclr, or another of its programs, with these arguments and nothing on stdin.
// Throws std::runtime_error if it cannot be started.
ProgramResult run_peclr(const std::vector<std::string>& args, const ProgramOptions& options = {});
ProgramResult run_program(const std::string& name, const std::vector<std::string>& args,
                          const ProgramOptions& options = {});

}  // namespace peclr::test
