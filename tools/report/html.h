// SPDX-License-Identifier: Apache-2.0
// Writes HTML that is well-formed by construction: elements close themselves, and every text and
// every attribute's value is escaped.
#pragma once
#include <fmt/format.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace peclr {

// Text that may stand in an element or in a quoted attribute: & < > " ' as entities, stray bytes
// and control characters (but for tab and new line) made visible.
std::string escaped(std::string_view text);

struct Attribute {
  std::string_view name;
  std::string value;
};
using Attributes = std::initializer_list<Attribute>;

class Html {
 public:
  // An element around what `content()` writes; closed even if it throws.
  template <class Content>
  void in(std::string_view tag, Attributes attributes, Content content) {
    const Closer closer{*this, tag};
    open(tag, attributes, ">");
    content();
  }
  // An element that holds a text, or nothing.
  void leaf(std::string_view tag, Attributes attributes, std::string_view text) {
    in(tag, attributes, [&] { this->text(text); });
  }
  void leaf(std::string_view tag, std::string_view text) { leaf(tag, {}, text); }
  // An element without content and end: img, meta, and SVG's shapes.
  void single(std::string_view tag, Attributes attributes) { open(tag, attributes, "/>"); }

  void text(std::string_view text) { out_ += escaped(text); }
  // Markup as it stands: for constants of the program (the style sheet, the document type).
  void markup(std::string_view constant) { out_ += constant; }

  const std::string& page() const { return out_; }

 private:
  struct Closer {
    Html& html;
    std::string_view tag;
    ~Closer() { html.out_.append("</").append(tag).append(">"); }
  };
  void open(std::string_view tag, Attributes attributes, std::string_view end);

  std::string out_;
};

}  // namespace peclr
