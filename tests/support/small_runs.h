// SPDX-License-Identifier: Apache-2.0
// A labelled set of rendered hands, and runs of the program on it that are as small as runs can be.
#pragma once
#include <catch2/catch.hpp>
#include <string>

#include "tests/support/files.h"
#include "tests/support/program.h"

namespace peclr::test {

struct SmallRuns {
  TempFolder folder;

  explicit SmallRuns(int pictures) {
    const ProgramResult synth = run_peclr(
        {"synth", "--out", folder / "hands", "--count", std::to_string(pictures), "--seed", "3"});
    INFO(described(synth));
    REQUIRE(synth.exit_code == 0);
  }

  std::string out(const std::string& run) const { return folder / run; }
  std::string file(const std::string& run, const char* name) const { return out(run) + "/" + name; }
  std::string model(const std::string& run) const {
    return read_bytes(file(run, "model.safetensors"));
  }
  // `more` comes last and wins.
  Args start(const std::string& command, const std::string& run, const Args& more) const {
    Args args{command,          "out=" + out(run), "data.train=" + (folder / "hands"),
              "model.depth=18", "model.input=32",  "train.accumulate=1",
              "threads=1"};
    args.insert(args.end(), more.begin(), more.end());
    return args;
  }
};

}  // namespace peclr::test
