// SPDX-License-Identifier: Apache-2.0
// run.json: what was run in a folder, on which machine and when, so that it can be told and
// repeated. One entry a command; no host's name, no user, no environment.
#pragma once
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tools/settings/settings.h"

namespace peclr {

struct RunRecord {
  std::string command;            // the first start's words, quoted for a shell
  std::string version;            // of the program
  std::string device;             // what ran: threads, instruction set, library
  std::string cpu;                // model name of the host's processor
  std::string precision;          // as settings spell it
  std::string started, finished;  // UTC, "2021-06-10T12:00:00Z"; finished empty: did not end
  double seconds = 0;             // of all starts, each up to its last save
  std::int64_t starts = 1;        // 1 and the resumes that saved
  std::int64_t pictures = 0;      // an epoch of training; 0: no training
};
using RunRecords = std::map<std::string, RunRecord>;  // by the command's name

inline constexpr const char* kRunFile = "run.json";

// Those of folder/run.json; none if there is no such file. Throws Error(data) that names it.
RunRecords read_run_records(const std::string& folder);

// Keeps a command's entry in folder/run.json: its time runs from construction to end(). The other
// commands' entries stay; a file that cannot be read is begun anew. Throws Error(failure).
class RunRecorder {
 public:
  enum class Start { fresh, resumed };
  enum class End { finished, saved };  // saved: to be resumed

  struct What {
    std::string device;
    Settings::Precision precision = Settings::Precision::f32;
    std::int64_t pictures = 0;
    Start start = Start::fresh;
  };

  // `command`: its name; `words`: the whole command line, the program's name first.
  RunRecorder(std::string folder, std::string command, const std::vector<std::string>& words,
              const What& what);
  void save();  // the entry as it stands; end() does it too
  void end(End how = End::finished);

 private:
  std::string folder_, command_;
  RunRecords records_;
  double earlier_ = 0;  // seconds of the starts before this one
  std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
};

}  // namespace peclr
