// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cstdio>
#include <new>

#include "engine/error.h"
#include "tools/commands.h"

namespace {

struct Entry {
  const char* name;
  int (*run)(const peclr::CommandLine&);
};
constexpr Entry kCommands[] = {{"pretrain", peclr::run_pretrain}, {"finetune", peclr::run_finetune},
                               {"evaluate", peclr::run_evaluate}, {"predict", peclr::run_predict},
                               {"probe", peclr::run_probe},       {"synth", peclr::run_synth},
                               {"golden", peclr::run_golden},     {"info", peclr::run_info},
                               {"results", peclr::run_results}};

}  // namespace

int main(int argc, char** argv) {
  try {
    peclr::CommandLine line;
    if (!peclr::parse_command_line(argc, argv, line)) return 0;
    for (const Entry& entry : kCommands)
      if (line.command == entry.name) return entry.run(line);
    return static_cast<int>(peclr::ErrorKind::usage);
  } catch (const peclr::Error& e) {
    fmt::print(stderr, "peclr: {}\n", e.what());
    return static_cast<int>(e.kind());
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "peclr: out of memory; use a smaller train.batch_size or data.cache_gb\n");
  } catch (const std::exception& e) {
    fmt::print(stderr, "peclr: {}\n", e.what());
  }
  return static_cast<int>(peclr::ErrorKind::failure);
}
