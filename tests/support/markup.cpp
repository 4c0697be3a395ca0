// SPDX-License-Identifier: Apache-2.0
#include "tests/support/markup.h"

#include <fmt/format.h>

#include <cctype>
#include <utility>

namespace peclr::test {
namespace {

constexpr std::pair<std::string_view, char> kEntities[] = {
    {"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&#39;", '\''}};

struct Reader {
  std::string_view page;
  std::size_t at = 0;
  std::vector<std::string> open = {}, faults = {};

  bool ended() const { return at >= page.size(); }
  bool takes(std::string_view text) {
    if (page.substr(at, text.size()) != text) return false;
    at += text.size();
    return true;
  }
  std::string_view name() {
    const std::size_t begin = at;
    while (!ended() && (std::isalnum(static_cast<unsigned char>(page[at])) || page[at] == '-'))
      ++at;
    return page.substr(begin, at - begin);
  }
  void fault(std::string what) {
    faults.push_back(fmt::format("{} at {}: {}", what, at, page.substr(at, 40)));
  }

  void check_text(std::string_view text) {
    for (std::size_t i = text.find('&'); i != text.npos; i = text.find('&', i + 1)) {
      bool known = false;
      for (const auto& [entity, c] : kEntities) known |= text.substr(i, entity.size()) == entity;
      if (!known) fault("stray &");
    }
    if (text.find('<') != text.npos) fault("stray <");
  }

  void attribute() {
    const std::string key(name());
    if (key.empty() || !takes("=\"")) return fault("attribute without quotes"), void(++at);
    const std::size_t end = page.find('"', at);
    if (end == page.npos) return fault("attribute without an end"), void(at = page.size());
    const std::string_view value = page.substr(at, end - at);
    check_text(value);
    if ((key == "src" || key == "href") && !value.starts_with("data:")) fault("fetches " + key);
    if (key.starts_with("on")) fault("handler " + key);
    at = end + 1;
    if (!ended() && page[at] != ' ' && page[at] != '>' && page[at] != '/') fault("after a value");
  }

  void tag() {
    const bool closing = takes("/");
    const std::string tag(name());
    if (tag.empty()) return fault("stray <");
    if (tag == "script" || tag == "link") fault(tag);
    while (!ended() && page[at] != '>' && page[at] != '/') {
      if (!takes(" ")) return fault("in a tag");
      attribute();
    }
    const bool single = takes("/");
    if (!takes(">")) return fault("tag without an end");
    if (single) return;
    if (!closing) return open.push_back(tag);
    if (open.empty() || open.back() != tag)
      fault(fmt::format("</{}> closes <{}>", tag, open.empty() ? "" : open.back()));
    if (!open.empty()) open.pop_back();
  }
};

}  // namespace

std::vector<std::string> faults_of_page(std::string_view page) {
  Reader reader{page};
  if (!reader.takes("<!DOCTYPE html>\n")) reader.fault("no document type");
  while (!reader.ended()) {
    const std::size_t end = std::min(page.find('<', reader.at), page.size());
    reader.check_text(page.substr(reader.at, end - reader.at));
    reader.at = end;
    if (reader.takes("<")) reader.tag();
  }
  for (const std::string& tag : reader.open) reader.fault("not closed: " + tag);
  for (const char* fetch : {"http://", "https://", "url(", "@import"})
    if (page.find(fetch) != page.npos) reader.fault(fmt::format("fetches {}", fetch));
  return reader.faults;
}

std::vector<std::string> texts_of(std::string_view page, std::string_view tag) {
  std::vector<std::string> texts;
  const std::string open = fmt::format("<{}", tag), close = fmt::format("</{}>", tag);
  for (std::size_t at = page.find(open); at != page.npos; at = page.find(open, at + 1)) {
    const std::size_t begin = page.find('>', at) + 1, end = page.find('<', begin);
    if (page.substr(end, close.size()) != close) continue;
    std::string text(page.substr(begin, end - begin));
    for (const auto& [entity, c] : kEntities)
      for (std::size_t i; entity != "&amp;" && (i = text.find(entity)) != text.npos;)
        text.replace(i, entity.size(), 1, c);
    for (std::size_t i = 0; (i = text.find("&amp;", i)) != text.npos; ++i) text.replace(i, 5, "&");
    texts.push_back(text);
  }
  return texts;
}

}  // namespace peclr::test
