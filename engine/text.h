// SPDX-License-Identifier: Apache-2.0
// Text that comes from outside: is it UTF-8, and how may it stand in a one-line message.
#pragma once
#include <fmt/format.h>

#include <string>
#include <string_view>

namespace peclr {

// Strict UTF-8 (no surrogates, no overlong forms, at most U+10FFFF) without NUL.
bool is_clean_utf8(std::string_view text);

// At most `limit` bytes of the text, control characters and stray bytes as \xNN: safe on a
// terminal, always one line.
std::string printable(std::string_view text, std::size_t limit = 400);

// The same in quotes, for names and values within a sentence.
std::string shown(std::string_view text, std::size_t limit = 80);

// The items with `separator` between them, each as fmt prints it.
template <class Range>
std::string joined(const Range& items, std::string_view separator) {
  std::string text;
  bool first = true;
  for (const auto& item : items) {
    if (!first) text += separator;
    first = false;
    text += fmt::format("{}", item);
  }
  return text;
}

}  // namespace peclr
