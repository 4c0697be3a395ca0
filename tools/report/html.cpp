// SPDX-License-Identifier: Apache-2.0
#include "tools/report/html.h"

#include "engine/text.h"

namespace peclr {
namespace {

void append_escaped(std::string& out, char c) {
  switch (c) {
    case '&':
      out += "&amp;";
      break;
    case '<':
      out += "&lt;";
      break;
    case '>':
      out += "&gt;";
      break;
    case '"':
      out += "&quot;";
      break;
    case '\'':
      out += "&#39;";
      break;
    default:
      out += c;
  }
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string out;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find_first_of("\t\n", begin), text.size());
    const std::string_view piece = text.substr(begin, end - begin);
    for (const char c : printable(piece, std::string::npos)) append_escaped(out, c);
    if (end < text.size()) out += text[end];
    begin = end + 1;
  }
  return out;
}

void Html::open(std::string_view tag, Attributes attributes, std::string_view end) {
  out_.append("<").append(tag);
  for (const Attribute& a : attributes)
    out_.append(" ").append(a.name).append("=\"").append(escaped(a.value)).append("\"");
  out_ += end;
}

}  // namespace peclr
