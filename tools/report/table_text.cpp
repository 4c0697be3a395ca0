// SPDX-License-Identifier: Apache-2.0
// Tables as text to paste.
#include <algorithm>
#include <span>
#include <string_view>

#include "engine/text.h"
#include "tools/report/table.h"

namespace peclr {
namespace {

struct Replacement {
  std::string_view text, by;
};

// In one pass, so that what is put in is not replaced again; control characters first.
std::string replaced(const std::string& text, std::span<const Replacement> replacements) {
  const std::string line = printable(text);
  std::string out;
  for (std::size_t i = 0; i < line.size();) {
    const auto starts = [&](const Replacement& r) {
      return line.compare(i, r.text.size(), r.text) == 0;
    };
    const auto found = std::find_if(replacements.begin(), replacements.end(), starts);
    const bool none = found == replacements.end();
    out += none ? std::string_view(line).substr(i, 1) : found->by;
    i += none ? 1 : found->text.size();
  }
  return out;
}

std::string in_markdown(const std::string& cell) {
  constexpr Replacement kMarkdown[] = {{"\u00A0", " "}, {"\\", "\\\\"}, {"|", "\\|"},
                                       {"*", "\\*"},    {"_", "\\_"},   {"<", "&lt;"}};
  return replaced(cell, kMarkdown);
}

std::string in_latex(const std::string& cell) {
  constexpr Replacement kLatex[] = {{"\u00A0±\u00A0", " $\\pm$ "},
                                    {"\u00A0", "~"},
                                    {"±", "$\\pm$"},
                                    {"\\", "\\textbackslash{}"},
                                    {"{", "\\{"},
                                    {"}", "\\}"},
                                    {"$", "\\$"},
                                    {"&", "\\&"},
                                    {"#", "\\#"},
                                    {"_", "\\_"},
                                    {"%", "\\%"},
                                    {"~", "\\textasciitilde{}"},
                                    {"^", "\\textasciicircum{}"}};
  return replaced(cell, kLatex);
}

Cells heads_of(const Table& table) {
  Cells heads;
  for (const Column& column : table.columns) heads.push_back(column.head);
  return heads;
}

Cells each(Cells cells, std::string (*change)(const std::string&)) {
  for (std::string& cell : cells) cell = change(cell);
  return cells;
}

std::string markdown_line(const Cells& cells) { return "| " + joined(cells, " | ") + " |\n"; }

std::string latex_line(const Cells& cells) {
  return joined(each(cells, in_latex), " & ") + " \\\\\n";
}

}  // namespace

std::string markdown_of(const Table& table) {
  std::string text = markdown_line(each(heads_of(table), in_markdown));
  Cells rule;
  for (const Column& column : table.columns) rule.push_back(column.number ? "---:" : ":---");
  text += markdown_line(rule);
  for (const Cells& cells : table.rows) text += markdown_line(each(cells, in_markdown));
  return text;
}

std::string latex_of(const Table& table) {
  std::string text = "\\begin{tabular}{";
  for (const Column& column : table.columns) text += column.number ? "r" : "l";
  text += "}\n\\toprule\n" + latex_line(heads_of(table)) + "\\midrule\n";
  for (const Cells& cells : table.rows) text += latex_line(cells);
  return text + "\\bottomrule\n\\end{tabular}\n";
}

}  // namespace peclr
