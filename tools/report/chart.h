// SPDX-License-Identifier: Apache-2.0
// A line chart as inline SVG: axes with units, faint raw values below strong lines, each line
// labelled at its end.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "tools/report/axis.h"
#include "tools/report/html.h"
#include "tools/report/runs.h"

namespace peclr {

enum class Stroke { solid, dashed };

struct ChartLine {
  std::string label;  // at the line's end
  int colour = 0;
  Stroke stroke = Stroke::solid;
  std::vector<Point> line;                // by rising x
  std::vector<std::vector<Point>> faint;  // drawn below it
};

struct Chart {
  std::string title, x_label, y_label;  // labels with their units
  std::vector<ChartLine> lines;
  std::optional<ChartRange> x, y;  // else what the lines need
  struct Level {
    double y;
    std::string label;
  };
  std::vector<Level> levels;  // horizontal lines to compare with
};

// A figure: title, legend (where there are several lines), chart.
void write_chart(Html& html, const Chart& chart);

}  // namespace peclr
