// SPDX-License-Identifier: Apache-2.0
// Every kernel beside its floor (gpu/floors.h), by rates that are measured on the card in the same
// run, and beside what NVIDIA's libraries take for the same job, in turns. Prints a Markdown table.
#include <CLI/CLI.hpp>

#include "benchmarks/gpu/measure.h"
#include "engine/files/atomic_file.h"

namespace {

using namespace peclr;
using namespace peclr::bench;

struct Options {
  std::string device = PECLR_GPU_NAME, only, json;
  int gpu = 0, rounds = 0;
  bool quick = false, floors = false;
};

void print_floors(const Sizes& sizes) {
  fmt::print("| job | size | MB | 1e9 operations | floor, µs |\n|---|---|---|---|---|\n");
  for (const KernelFloor& floor : floors(sizes)) fmt::print("{}\n", floor_line(floor, kAssumed));
}

std::vector<CaseEntry> chosen_cases(const std::string& only) {
  std::vector<CaseEntry> chosen;
  for (const auto& family :
       {contrastive_cases(), network_cases(), elementwise_cases(), optimizer_cases(), pose_cases()})
    for (const CaseEntry& entry : family)
      if (std::string(entry.kernel).find(only) != std::string::npos) chosen.push_back(entry);
  if (chosen.empty()) fail(ErrorKind::usage, "--only {}: no kernel's name has that in it", only);
  return chosen;
}

void run(const Options& options) {
  const Sizes& sizes = options.quick ? kQuick : kFull;
  if (options.floors) return print_floors(sizes);
  const std::vector<CaseEntry> cases = chosen_cases(options.only);
  const std::unique_ptr<Machine> machine = make_machine(options.device, options.gpu);
  const int rounds = options.rounds > 0 ? options.rounds : options.quick ? 2 : 50;
  const Run about{machine->facts(), machine->measure_rates(), options.quick, rounds};
  fmt::print("{}", table_head(about));
  std::vector<Result> results;
  for (CaseEntry entry : cases) {
    if (options.quick) entry.mark = {};  // marks are for the full sizes
    results.push_back(measure(*machine, entry, sizes, about.rates, rounds));
    fmt::print("{}", table_row(results.back()));
  }
  if (!options.json.empty()) write_file_atomically(options.json, json_text(about, results));
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Kernels against their floors and NVIDIA's libraries");
  app.add_option("--device", options.device, "cuda or simt, as this was built")
      ->capture_default_str();
  app.add_option("--gpu", options.gpu, "where there are several")->capture_default_str();
  app.add_flag("--quick", options.quick, "tiny sizes, to see that all works");
  app.add_option("--only", options.only, "kernels whose names have this in them");
  app.add_option("--rounds", options.rounds, "runs of each; 50, or 2 with --quick")
      ->check(CLI::PositiveNumber);
  app.add_option("--json", options.json, "file for the results");
  app.add_flag("--floors", options.floors, "print floors of an assumed H100, and run nothing");
  CLI11_PARSE(app, argc, argv);
  std::setvbuf(stdout, nullptr, _IOLBF, 1 << 12);
  try {
    run(options);
  } catch (const Error& e) {
    fmt::print(stderr, "kernel_bench: {}\n", e.what());
    return static_cast<int>(e.kind());
  } catch (const std::exception& e) {
    fmt::print(stderr, "kernel_bench: {}\n", e.what());
    return 1;
  }
}
