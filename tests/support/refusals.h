// SPDX-License-Identifier: Apache-2.0
// Bad input through the real program: the smallest runs there are, what they must be told, and what
// must not be lost.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "tests/support/files.h"
#include "tests/support/program.h"

namespace peclr::test {

inline constexpr int kFailure = 1, kUsage = 2, kData = 3, kDivergence = 5;  // exit codes

using Parts = std::vector<std::string>;

// Checks that the program refuses: this exit code, and last of all one line with every part.
void refused(const Args& args, int code, const Parts& parts, const ProgramOptions& options = {});

// Checks that this was thrown for data that cannot be used: one line with every part.
void refused(const Caught& error, const Parts& parts);

Args operator+(Args a, const Args& b);

// The smallest pre-training: every picture in steps of 3, one epoch.
Args pretrain(const std::string& data, const std::string& out);

// Makes a folder of pictures, all good, named 100.jpg and on.
std::string pictures(const TempFolder& folder, const char* name, int count);

// Weights of a hand network, barely trained.
std::string hand_network(const TempFolder& folder);

std::string jpeg();  // a good one
std::string png();

// Every file below the folder, and its bytes in short.
std::map<std::string, std::size_t> content(const std::string& folder);

// A run of 12 steps that was stopped after the first or second.
struct StoppedRun {
  TempFolder folder;
  std::string set = pictures(folder, "set", 9), out = folder / "run",
              last = out + "/last.safetensors", metrics = out + "/metrics.jsonl";
  Args resume{"pretrain", "out=" + out, "--resume"};

  StoppedRun();
};

}  // namespace peclr::test
