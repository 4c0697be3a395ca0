// SPDX-License-Identifier: Apache-2.0
#include "tests/support/program.h"
#include "tests/support/places.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <stdexcept>

namespace peclr::test {
namespace {

constexpr int kPollMilliseconds = 2;

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

struct Pipe {
  int ends[2];
  Pipe() {
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("cannot make a pipe");
  }
  ~Pipe() {
    close_end(0);
    close_end(1);
  }
  void close_end(int end) {
    if (ends[end] >= 0) ::close(ends[end]);
    ends[end] = -1;
  }
  // Takes what is there; closes at the end of the stream.
  void read_into(std::string& text) {
    char buffer[4096];
    const ssize_t n = ::read(ends[0], buffer, sizeof buffer);
    if (n > 0)
      text.append(buffer, static_cast<std::size_t>(n));
    else
      close_end(0);
  }
};

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> list;
  for (std::string& s : strings) list.push_back(s.data());
  list.push_back(nullptr);
  return list;
}

std::vector<std::string> environment(const ProgramOptions& options) {
  std::vector<std::string> all;
  for (char** variable = environ; *variable; ++variable) all.emplace_back(*variable);
  for (const auto& entry : options.env) {
    const std::string begin = entry.first + "=";
    std::erase_if(all, [&](const std::string& v) { return v.starts_with(begin); });
    all.push_back(begin + entry.second);
  }
  return all;
}

// In the child, between fork and exec: system calls only.
[[noreturn]] void become(char** argv, char** env, const Pipe& out, const Pipe& err,
                         const ProgramOptions& options) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that dies takes it along
  ::signal(SIGINT, SIG_DFL);           // a test in the background has it ignored
  const auto limit = [](auto resource, std::int64_t most) {
    const rlimit both{static_cast<rlim_t>(most), static_cast<rlim_t>(most)};
    if (most >= 0) ::setrlimit(resource, &both);
  };
  limit(RLIMIT_FSIZE, options.file_bytes);
  if (options.obeys_modes && ::geteuid() == 0)
    for (const int right : {CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH})
      if (::prctl(PR_CAPBSET_DROP, right) != 0) ::_exit(126);
  const int nothing = ::open("/dev/null", O_RDONLY);
  ::dup2(nothing, STDIN_FILENO);
  const int file = ::open(options.stdout_to.c_str(), O_WRONLY);
  ::dup2(file < 0 ? out.ends[1] : file, STDOUT_FILENO);
  const int notes = ::open(options.stderr_to.c_str(), O_WRONLY);
  ::dup2(notes < 0 ? err.ends[1] : notes, STDERR_FILENO);
  ::close_range(3, ~0u, 0);  // what a limit on open files leaves is the program's own
  for (const int stream : options.closed) ::close(stream);
  limit(RLIMIT_NOFILE, options.open_files);
  limit(RLIMIT_AS, options.address_bytes);
  ::execve(argv[0], argv, env);
  ::_exit(127);
}

}  // namespace

std::string ProgramResult::last_line() const {
  const std::size_t end = err.find_last_not_of('\n');
  if (end == std::string::npos) return {};
  const std::size_t before = err.rfind('\n', end);
  const std::size_t begin = before == std::string::npos ? 0 : before + 1;
  return err.substr(begin, end + 1 - begin);
}

bool ProgramResult::refuses(int code, const std::vector<std::string>& parts) const {
  const std::string line = last_line();
  return exit_code == code && line.starts_with("peclr: ") &&
         std::all_of(parts.begin(), parts.end(),
                     [&](const std::string& part) { return line.find(part) != std::string::npos; });
}

std::string described(const ProgramResult& result) {
  // A training's lines would bury what matters, its first and its last.
  const auto shortened = [](const std::string& text) {
    constexpr std::size_t kEnds = 1500;
    if (text.size() <= 2 * kEnds) return text;
    return text.substr(0, kEnds) + "\n[...]\n" + text.substr(text.size() - kEnds);
  };
  return "exit code " + std::to_string(result.exit_code) +
         (result.timed_out ? " (timed out)" : "") + "\nstdout:\n" + shortened(result.out) +
         "stderr:\n" + shortened(result.err);
}

ProgramResult run_peclr(const std::vector<std::string>& args, const ProgramOptions& options) {
  return run_program("peclr", args, options);
}

ProgramResult run_program(const std::string& name, const std::vector<std::string>& args,
                          const ProgramOptions& options) {
  std::vector<std::string> command{sibling_program(name)};
  command.insert(command.end(), args.begin(), args.end());
  std::vector<std::string> variables = environment(options);
  const std::vector<char*> argv = pointers(command), env = pointers(variables);
  Pipe out, err;
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("cannot fork");
  if (child == 0)
    become(const_cast<char**>(argv.data()), const_cast<char**>(env.data()), out, err, options);
  out.close_end(1);
  err.close_end(1);

  ProgramResult result;
  const double deadline = now() + options.timeout_seconds;
  while (out.ends[0] >= 0 || err.ends[0] >= 0) {
    pollfd ready[2] = {{out.ends[0], POLLIN, 0}, {err.ends[0], POLLIN, 0}};
    ::poll(ready, 2, kPollMilliseconds);
    if (ready[0].revents) out.read_into(result.out);
    if (ready[1].revents) err.read_into(result.err);
    if (!result.signalled && options.when && options.when()) {
      result.signalled = true;
      ::kill(child, options.signal);
    }
    if (!result.timed_out && now() > deadline) {
      result.timed_out = true;
      ::kill(child, SIGKILL);
    }
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  result.exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  if (result.exit_code == 127) throw std::runtime_error("cannot run " + command[0]);
  return result;
}

}  // namespace peclr::test
