// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/gpu/results.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace peclr::bench {
namespace {

// One demand of a mark.
struct Demand {
  std::string text;
  bool met;
};

// Comparisons are so written that NaN misses.
std::vector<Demand> demands(const Result& r) {
  std::vector<Demand> all;
  if (const double most = r.mark.microseconds; most > 0)
    all.push_back({fmt::format("under {:.0f} µs", most), Quartiles(r.ours).median < most});
  if (const double share = r.mark.copy_share; share > 0)
    all.push_back(
        {fmt::format("{:.0f} % of a copy's bandwidth", 100 * share), r.copy_share >= share});
  if (const double most = r.mark.bytes; most > 0)
    all.push_back({fmt::format("under {:.0f} MB", most / 1e6), r.peak_bytes < most});
  return all;
}

std::string series_text(const std::vector<double>& series) {
  const Quartiles q(series);
  return fmt::format("{:.1f} ({:.1f}..{:.1f})", q.median, q.low, q.high);
}

nlohmann::ordered_json series_json(const std::vector<double>& series) {
  const Quartiles q(series);
  return {{"median_us", q.median}, {"quartiles_us", {q.low, q.high}}, {"runs", series.size()}};
}

}  // namespace

std::string mark_text(const Result& result) {
  std::string text;
  for (const Demand& d : demands(result))
    text += fmt::format("{}{}: {}", text.empty() ? "" : "; ", d.text, d.met ? "met" : "**missed**");
  return text;
}

std::string table_head(const Run& run) {
  std::string text;
  for (const auto& [name, value] : run.facts) text += fmt::format("- {}: {}\n", name, value);
  text += fmt::format(
      "- rates that floors are made of: {:.2f} TB/s read and written by a copy, {:.0f} TFLOP/s in "
      "bf16, {:.1f} TFLOP/s in f32\n",
      run.rates.copy / 1e12, run.rates.products / 1e12, run.rates.operations / 1e12);
  text += fmt::format(
      "- µs: median (quartiles) of {} runs, ours and the library's in turns; memory: all of the "
      "job, its data too\n\n",
      run.rounds);
  return text +
         "| job | size | floor, µs | ours, µs | floor / ours | of a copy's bandwidth | memory, MB "
         "| library, µs | ours / library | library | mark |\n"
         "|---|---|---|---|---|---|---|---|---|---|---|\n";
}

std::string table_row(const Result& r) {
  const double median = Quartiles(r.ours).median;
  const bool library = !r.library.empty();
  return fmt::format(
      "| {} | {} | {:.1f} | {} | {:.0f} % | {:.0f} % | {:.1f} | {} | {} | {} | {} |\n",
      r.floor.kernel, r.floor.size, r.floor_microseconds, series_text(r.ours),
      100 * r.floor_microseconds / median, 100 * r.copy_share, r.peak_bytes / 1e6,
      library ? series_text(r.library) : "",
      library ? fmt::format("{:.2f}", ratios(r.ours, r.library).median) : "", r.library_what,
      mark_text(r));
}

std::string json_text(const Run& run, const std::vector<Result>& results) {
  nlohmann::ordered_json out;
  for (const auto& [name, value] : run.facts) out["facts"][name] = value;
  out["quick"] = run.quick;
  out["rates"] = {{"copy_bytes_per_second", run.rates.copy},
                  {"bf16_flops_per_second", run.rates.products},
                  {"f32_flops_per_second", run.rates.operations}};
  out["kernels"] = nlohmann::ordered_json::array();
  for (const Result& r : results) {
    nlohmann::ordered_json kernel{{"kernel", r.floor.kernel},
                                  {"size", r.floor.size},
                                  {"bytes", r.floor.work.bytes},
                                  {"bf16_operations", r.floor.work.products},
                                  {"f32_operations", r.floor.work.operations},
                                  {"floor_us", r.floor_microseconds},
                                  {"ours", series_json(r.ours)},
                                  {"copy_share", r.copy_share},
                                  {"peak_bytes", r.peak_bytes}};
    if (!r.library_what.empty()) kernel["library"]["what"] = r.library_what;
    if (!r.library.empty()) {
      kernel["library"].update(series_json(r.library));
      kernel["library"]["ours_over_library"] = ratios(r.ours, r.library).median;
    }
    for (const Demand& d : demands(r))
      kernel["marks"].push_back({{"mark", d.text}, {"met", d.met}});
    out["kernels"].push_back(std::move(kernel));
  }
  return out.dump(2) + "\n";
}

}  // namespace peclr::bench
