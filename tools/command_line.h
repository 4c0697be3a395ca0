// SPDX-License-Identifier: Apache-2.0
// The words after `peclr COMMAND`, already told apart.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace peclr {

struct CommandLine {
  std::string command;
  std::vector<std::string> words;     // all of them as they were given, the program's name first
  std::vector<std::string> settings;  // YAML files and key=value, in order
  std::vector<std::string>
      paths;  // export, score, prepare, verify, golden, info, results, report: files and folders
  bool resume = false, dry_run = false;
  bool submission = false;
  bool json = false;
  std::string device = "auto";
  std::string out;
  std::string split = "train", hands = "both", mano_joints;  // prepare
  std::string format = "text";                               // results
  std::int64_t count = 1000, seed = 1;
  int draw = 16;
  int input = 0;            // export: 0 where it is not given
  std::string init_prefix;  // likewise: empty
};

// Does what the words ask for; returns the program's exit code.
using RunCommand = int (*)(const CommandLine&);

// Parses the program's arguments; returns what runs the command. Prints help or the version and
// returns null when that was asked for. Throws Error(usage) with the fault and what to try.
RunCommand parse_command_line(int argc, char** argv, CommandLine& line);

// Of all sub-commands, in the order of --help.
std::vector<std::string> command_names();

}  // namespace peclr
