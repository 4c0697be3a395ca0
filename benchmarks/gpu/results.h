// SPDX-License-Identifier: Apache-2.0
// What was measured of a job, and how it is told: a row of a table, and JSON.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "benchmarks/gpu/cases.h"
#include "benchmarks/quartiles.h"

namespace peclr::bench {

struct Result {
  KernelFloor floor;
  double floor_microseconds = 0;          // by the rates of this machine
  std::vector<double> ours{}, library{};  // microseconds of each run, in turns
  std::string library_what{};             // also why there is none
  double copy_share = 0;                  // floor's bytes in the median time, of a copy's rate
  double peak_bytes = 0;                  // of the backend's memory in use, data and all
  Mark mark{};
};

// "under 60 µs: met"; empty where there is no mark.
std::string mark_text(const Result& result);

struct Run {
  std::vector<std::pair<std::string, std::string>> facts;
  Rates rates;
  bool quick;
  int rounds;
};
// The head of a Markdown table, after what a reader must know; and a row of it.
std::string table_head(const Run& run);
std::string table_row(const Result& result);
std::string json_text(const Run& run, const std::vector<Result>& results);

}  // namespace peclr::bench
