// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <new>

#include "engine/error.h"
#include "engine/files/file_error.h"
#include "engine/say.h"
#include "engine/text.h"
#include "tools/command_line.h"
#include "tools/settings/settings.h"

namespace {

// A file that is opened later must not get the number of a stream that is closed, and what is
// written to that with it. Writing to such a stream fails still, as this is open for reading.
void open_closed_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (::fcntl(stream, F_GETFD) < 0) ::open("/dev/null", O_RDONLY);  // takes the lowest number
}

// OpenMP's threads spin while they wait; with loader threads or other programs on the same cores,
// that costs several times more than it saves (a tenth of the speed was seen). The policy is read
// when the library is loaded, so the program starts itself once more with it set.
void wait_passively(char** argv) {
  if (std::getenv("OMP_WAIT_POLICY")) return;
  ::setenv("OMP_WAIT_POLICY", "passive", 1);
  std::error_code failed;  // by its own name, so that top and ps do not call it "exe"
  const auto self = std::filesystem::read_symlink("/proc/self/exe", failed);
  if (!failed) ::execv(self.c_str(), argv);  // returns only on failure: go on as we are
}

bool trains(const peclr::CommandLine& line) {
  return line.command == "pretrain" || line.command == "finetune";
}

// Not refused: a script may give all its commands the same settings, as a YAML file may.
void tell_of_unused_keys(const peclr::CommandLine& line) {
  for (const peclr::Command command : peclr::kAllCommands)
    if (line.command == name_of(command))
      for (const std::string& key : unused_keys(command, line.settings))
        peclr::say("{}: peclr {} does not use it\n", key, line.command);
}

void tell_of_replaced_sets(const peclr::CommandLine& line) {
  for (const std::string& replaced : peclr::replaced_sets(line.settings))
    peclr::say("{}\n", peclr::printable(replaced));
}

// What a full disk would not take of stdout is noticed when the rest goes out, at the latest here.
void require_written_stdout() {
  if (std::fflush(stdout) != 0) peclr::fail_writing("stdout", "cannot write", errno);
  if (std::ferror(stdout))  // earlier, for a reason that is forgotten
    peclr::fail(peclr::ErrorKind::failure, "stdout: not all could be written; is the disk full?");
}

int run(int argc, char** argv, peclr::CommandLine& line) {
  int code = 0;
  if (const peclr::RunCommand run_command = peclr::parse_command_line(argc, argv, line)) {
    tell_of_unused_keys(line);
    tell_of_replaced_sets(line);
    code = run_command(line);
  }
  require_written_stdout();
  return code;
}

// One line on stderr, whatever a name in it holds.
int refuse(std::string_view fault, peclr::ErrorKind kind) {
  constexpr std::size_t kMaxBytes = 4000;
  peclr::say("peclr: {}\n", peclr::printable(fault, kMaxBytes));
  return static_cast<int>(kind);
}

}  // namespace

int main(int argc, char** argv) {
  open_closed_streams();
  wait_passively(argv);
  std::signal(SIGXFSZ, SIG_IGN);  // writing beyond ulimit -f becomes an error with a message
  std::string fault;
  peclr::CommandLine line;
  try {
    return run(argc, argv, line);
  } catch (const peclr::OutOfMemory& e) {  // steps of a training give their own advice
    fault = fmt::format("{}; end other programs that use this memory, or choose another device",
                        e.what());
  } catch (const peclr::Error& e) {
    return refuse(e.what(), e.kind());
  } catch (const std::bad_alloc&) {
    fault = trains(line) ? "out of memory; use a smaller train.batch_size or data.cache_gb"
                         : "out of memory; end other programs that use it";
  } catch (const std::filesystem::filesystem_error& e) {
    fault = fmt::format("{}: {}; check the path and who may use it", e.path1().string(),
                        e.code().message());
  } catch (const std::system_error& e) {
    const bool thread = e.code() == std::errc::resource_unavailable_try_again;
    fault = thread
                ? fmt::format("a thread could not be started: {}; lower threads and data.workers",
                              e.code().message())
                : e.what();
  } catch (const std::exception& e) {
    fault = e.what();
  }
  return refuse(fault, peclr::ErrorKind::failure);
}
