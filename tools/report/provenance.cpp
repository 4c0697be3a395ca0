// SPDX-License-Identifier: Apache-2.0
#include "tools/report/provenance.h"

#include <algorithm>
#include <set>

#include "engine/text.h"
#include "tools/report/table.h"
#include "tools/run/progress.h"

namespace peclr {
namespace {

double median_of(const Metrics& metrics, const char* key) {
  const auto it = metrics.find(key);
  if (it == metrics.end() || it->second.empty()) return NAN;
  std::vector<double> values;
  for (const Point& p : it->second) values.push_back(p.y);
  std::nth_element(values.begin(), values.begin() + std::ptrdiff_t(values.size() / 2),
                   values.end());
  return values[values.size() / 2];
}

std::string wall_time(const RunRecord& record) {
  if (!(record.seconds > 0)) return "";
  const std::string time = record.seconds < 10 ? fmt::format("{:.1f} s", record.seconds)
                                               : format_duration(record.seconds);
  return time + (record.finished.empty() ? ", not finished" : "") +
         (record.starts > 1 ? fmt::format(", {} starts", record.starts) : "");
}

struct Recorded {
  const Run* run;
  std::string command;
  const RunRecord* record;
  bool trains() const { return run->training && command == name_of(*run->training); }
};

// Of all runs, in the order in which they were started.
std::vector<Recorded> recorded(const std::vector<Run>& runs) {
  std::vector<Recorded> all;
  for (const Run& run : runs)
    for (const auto& [command, record] : run.records) all.push_back({&run, command, &record});
  std::stable_sort(all.begin(), all.end(), [](const Recorded& a, const Recorded& b) {
    return std::pair(a.record->started, !a.trains()) < std::pair(b.record->started, !b.trains());
  });
  return all;
}

}  // namespace

void write_machines(Html& html, const std::vector<Run>& runs) {
  const std::vector<Recorded> all = recorded(runs);
  if (all.empty()) return;
  std::vector<Cells> rows;
  std::set<std::string> versions;
  for (const Recorded& r : all) {
    const std::string speed =
        r.trains() ? shown_number(median_of(r.run->metrics, "images_per_s"), 0) : "";
    rows.push_back({r.run->name, r.command, r.record->cpu, r.record->device, r.record->precision,
                    wall_time(*r.record), speed});
    versions.insert(r.record->version);
  }
  html.leaf("h2", "Machine");
  write_table(html, {{{"run"},
                      {"command"},
                      {"processor"},
                      {"device"},
                      {"precision"},
                      {"wall time", true},
                      {"images/s", true}},
                     rows});
  html.leaf("p", {{"class", "note"}},
            joined(versions, "; ") + ". Images/s: median over the steps, each view counted.");
  html.leaf("h2", "The same again");
  html.in("ol", {{"class", "commands"}}, [&] {
    for (const Recorded& r : all) html.in("li", {}, [&] { html.leaf("code", r.record->command); });
  });
}

void write_settings(Html& html, const std::vector<Run>& runs) {
  bool first = true;
  for (const Run& run : runs) {
    if (run.config.empty()) continue;
    if (first) html.leaf("h2", "Settings");
    first = false;
    html.in("details", {}, [&] {
      html.leaf("summary", run.name + "/config.yaml");
      html.leaf("pre", run.config);
    });
  }
}

}  // namespace peclr
