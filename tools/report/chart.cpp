// SPDX-License-Identifier: Apache-2.0
#include "tools/report/chart.h"

#include <algorithm>
#include <numeric>

namespace peclr {
namespace {

// In units of the drawing, which is stretched to the column's width.
constexpr double kWidth = 560, kHeight = 330;
constexpr double kLeft = 58, kTop = 12, kBottom = 282;
constexpr double kLabelHeight = 15, kLabelGap = 10;
constexpr std::size_t kLongestLabel = 26;

std::string at(double x) { return fmt::format("{:.1f}", x); }

ChartRange x_range(const Chart& chart) {
  ChartRange range = kNoRange;
  for (const ChartLine& line : chart.lines)
    for (const Point& p : line.line) cover(range, p.x);
  return range.low < range.high ? range : padded(range);
}

// Covers the strong lines, the levels, and the faint values but for the most extreme 4 %.
ChartRange y_range(const Chart& chart) {
  ChartRange range = kNoRange;
  std::vector<double> raw;
  for (const ChartLine& line : chart.lines) {
    for (const Point& p : line.line) cover(range, p.y);
    for (const auto& faint : line.faint)
      for (const Point& p : faint) raw.push_back(p.y);
  }
  std::sort(raw.begin(), raw.end());
  if (!raw.empty()) {
    cover(range, raw[raw.size() / 50]);
    cover(range, raw[raw.size() - 1 - raw.size() / 50]);
  }
  for (const Chart::Level& level : chart.levels) cover(range, level.y);
  return padded(range);
}

// About the width of `letters` letters of a label.
double width_of(std::size_t letters) { return 8.4 * static_cast<double>(letters); }

// Cut before a character of UTF-8, not within it.
std::string shortened(const std::string& label) {
  if (label.size() <= kLongestLabel) return label;
  std::size_t end = kLongestLabel - 3;
  while (end > 0 && (static_cast<unsigned char>(label[end]) & 0xC0) == 0x80) --end;
  return label.substr(0, end) + "...";
}

double label_space(const Chart& chart) {
  std::size_t letters = 0;
  for (const ChartLine& line : chart.lines)
    letters = std::max(letters, shortened(line.label).size());
  for (const Chart::Level& l : chart.levels) letters = std::max(letters, shortened(l.label).size());
  return kLabelGap + width_of(letters);
}

std::string style_of(const ChartLine& line) {
  return fmt::format("{} c{}", line.stroke == Stroke::dashed ? "line dashed" : "line", line.colour);
}

// Where a chart's values lie in the drawing.
struct Plot {
  Html& html;
  const Chart& chart;
  double right;  // of the area; beyond it stand the labels
  Scale x, y;

  Plot(Html& to, const Chart& drawn)
      : html(to),
        chart(drawn),
        right(kWidth - label_space(drawn)),
        x{drawn.x.value_or(x_range(drawn)), {kLeft, right}},
        y{drawn.y.value_or(y_range(drawn)), {kBottom, kTop}} {}

  void line(std::string_view style, double x1, double y1, double x2, double y2) const {
    html.single("line", {{"class", std::string(style)},
                         {"x1", at(x1)},
                         {"y1", at(y1)},
                         {"x2", at(x2)},
                         {"y2", at(y2)}});
  }
  void text(std::string_view style, double left, double base, const char* anchor,
            const std::string& words) const {
    html.leaf(
        "text",
        {{"class", std::string(style)}, {"x", at(left)}, {"y", at(base)}, {"text-anchor", anchor}},
        words);
  }
  void curve(const std::string& style, std::span<const Point> points) const {
    std::string path;
    for (const Point& p : points) path += at(x(p.x)) + "," + at(y(p.y)) + " ";
    html.single("polyline", {{"class", style}, {"points", path}});
  }
};

void write_axes(const Plot& plot) {
  for (const double v : ticks_of(plot.y.from, 5)) {
    const double height = plot.y(v);
    plot.line("grid", kLeft, height, plot.right, height);
    plot.text("tick", kLeft - 8, height + 4, "end", fmt::format("{:.6g}", v));
  }
  for (const double v : ticks_of(plot.x.from, 5)) {
    plot.line("axis", plot.x(v), kBottom, plot.x(v), kBottom + 5);
    plot.text("tick", plot.x(v), kBottom + 19, "middle", fmt::format("{:.6g}", v));
  }
  plot.line("axis", kLeft, kBottom, plot.right, kBottom);
  plot.text("name", (kLeft + plot.right) / 2, kHeight - 6, "middle", plot.chart.x_label);
  const double middle = (kTop + kBottom) / 2;
  plot.html.in("g", {{"transform", fmt::format("rotate(-90 14 {})", middle)}},
               [&] { plot.text("name", 14, middle, "middle", plot.chart.y_label); });
}

void write_curves(const Plot& plot) {
  // What the ranges leave out is cut by a viewport of its own.
  const std::string box =
      fmt::format("{} {} {:.1f} {}", kLeft, kTop, plot.right - kLeft, kBottom - kTop);
  plot.html.in("svg",
               {{"viewBox", box},
                {"x", at(kLeft)},
                {"y", at(kTop)},
                {"width", at(plot.right - kLeft)},
                {"height", at(kBottom - kTop)}},
               [&] {
                 for (const Chart::Level& level : plot.chart.levels)
                   plot.line("level", kLeft, plot.y(level.y), plot.right, plot.y(level.y));
                 for (const ChartLine& line : plot.chart.lines)
                   for (const auto& faint : line.faint)
                     plot.curve(fmt::format("faint c{}", line.colour), faint);
                 for (const ChartLine& line : plot.chart.lines)
                   plot.curve(style_of(line), line.line);
               });
}

// Moves heights until none covers another, in their order.
void spread_out(std::vector<double>& heights) {
  std::vector<std::size_t> order(heights.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](auto a, auto b) { return heights[a] < heights[b]; });
  double lowest = kTop + 4;
  for (const std::size_t i : order) {
    heights[i] = std::max(heights[i], lowest);
    lowest = heights[i] + kLabelHeight;
  }
  double highest = kBottom;
  for (auto i = order.rbegin(); i != order.rend(); ++i) {
    heights[*i] = std::min(heights[*i], highest);
    highest = heights[*i] - kLabelHeight;
  }
}

// Beside the ends of the lines, and joined to them where they had to move.
void write_labels(const Plot& plot) {
  struct End {
    double x, y;
    std::string style, words;
  };
  std::vector<End> ends;
  for (const ChartLine& line : plot.chart.lines)
    ends.push_back({plot.x(line.line.back().x), plot.y(line.line.back().y),
                    fmt::format("label c{}", line.colour), line.label});
  for (const Chart::Level& level : plot.chart.levels)
    ends.push_back({plot.right, plot.y(level.y), "label soft", level.label});
  std::vector<double> heights;
  for (const End& end : ends) heights.push_back(end.y);
  spread_out(heights);
  for (std::size_t i = 0; i < ends.size(); ++i) {
    const double left = plot.right + kLabelGap;
    if (std::abs(ends[i].y - heights[i]) > 1 || left - ends[i].x > kLabelGap + 1)
      plot.line("leader " + ends[i].style, ends[i].x + 2, ends[i].y, left - 3, heights[i]);
    plot.text(ends[i].style, left, heights[i] + 4.5, "start", shortened(ends[i].words));
  }
}

void write_legend(Html& html, const Chart& chart) {
  if (chart.lines.size() < 2) return;
  html.in("ul", {{"class", "legend"}}, [&] {
    for (const ChartLine& line : chart.lines)
      html.in("li", {}, [&] {
        html.in("svg", {{"class", "swatch"}, {"viewBox", "0 0 22 8"}, {"aria-hidden", "true"}},
                [&] {
                  html.single("polyline", {{"class", style_of(line)}, {"points", "0,4 22,4"}});
                });
        html.text(line.label);
      });
  });
}

}  // namespace

void write_chart(Html& html, const Chart& given) {
  Chart chart = given;
  std::erase_if(chart.lines, [](const ChartLine& line) { return line.line.empty(); });
  if (chart.lines.empty()) return;
  const std::string box = fmt::format("0 0 {} {}", kWidth, kHeight);
  html.in("figure", {{"class", "chart"}}, [&] {
    html.leaf("h3", chart.title);
    write_legend(html, chart);
    html.in("svg", {{"viewBox", box}, {"role", "img"}, {"aria-label", chart.title}}, [&] {
      const Plot plot(html, chart);
      write_axes(plot);
      write_curves(plot);
      write_labels(plot);
    });
  });
}

}  // namespace peclr
