// SPDX-License-Identifier: Apache-2.0
#include "engine/files/pickle_text.h"

#include <algorithm>
#include <charconv>

namespace peclr {
namespace {

// The number that `digits` hexadecimal digits at `at` are.
std::optional<std::uint32_t> hexadecimal(std::string_view text, std::size_t at,
                                         std::size_t digits) {
  std::uint32_t value = 0;
  if (at > text.size() || digits > text.size() - at) return std::nullopt;
  const char *first = text.data() + at, *last = first + digits;
  const auto [end, fault] = std::from_chars(first, last, value, 16);
  return fault == std::errc{} && end == last ? std::optional(value) : std::nullopt;
}

// False for what is no character.
bool append_utf8(std::string& to, std::uint32_t c) {
  const auto add = [&](std::uint32_t byte) { to.push_back(static_cast<char>(byte)); };
  if (c > 0x10FFFF) return false;
  if (c < 0x80) {
    add(c);
  } else if (c < 0x800) {
    add(0xC0 | c >> 6), add(0x80 | (c & 63));
  } else if (c < 0x10000) {
    add(0xE0 | c >> 12), add(0x80 | (c >> 6 & 63)), add(0x80 | (c & 63));
  } else {
    add(0xF0 | c >> 18), add(0x80 | (c >> 12 & 63)), add(0x80 | (c >> 6 & 63)),
        add(0x80 | (c & 63));
  }
  return true;
}

}  // namespace

bool is_pickled_whole(std::string_view line) {
  if (line.starts_with('-')) line.remove_prefix(1);
  if (line.ends_with('L')) line.remove_suffix(1);
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  return !line.empty() && std::all_of(line.begin(), line.end(), is_digit);
}

std::optional<std::int64_t> pickled_whole(std::string_view line) {
  if (line.ends_with('L')) line.remove_suffix(1);
  std::int64_t value = 0;
  const auto [end, fault] = std::from_chars(line.data(), line.data() + line.size(), value);
  if (fault != std::errc{} || end != line.data() + line.size()) return std::nullopt;
  return value;
}

std::optional<std::string> pickled_string(std::string_view line) {
  if (line.size() < 2 || (line[0] != '\'' && line[0] != '"') || line.back() != line[0])
    return std::nullopt;
  const std::string_view inner = line.substr(1, line.size() - 2);
  std::string text;
  for (std::size_t i = 0; i < inner.size(); ++i) {
    if (inner[i] != '\\') {
      text.push_back(inner[i]);
      continue;
    }
    if (++i == inner.size()) return std::nullopt;
    switch (inner[i]) {
      case 'n':
        text.push_back('\n');
        break;
      case 'r':
        text.push_back('\r');
        break;
      case 't':
        text.push_back('\t');
        break;
      case '\\':
      case '\'':
      case '"':
        text.push_back(inner[i]);
        break;
      case 'x': {
        const std::optional<std::uint32_t> byte = hexadecimal(inner, i + 1, 2);
        if (!byte) return std::nullopt;
        text.push_back(static_cast<char>(*byte));
        i += 2;
        break;
      }
      default:
        return std::nullopt;
    }
  }
  return text;
}

std::optional<std::string> pickled_unicode(std::string_view line) {
  std::string text;
  for (std::size_t i = 0; i < line.size(); ++i) {
    std::uint32_t character = static_cast<unsigned char>(line[i]);
    const char kind = line[i] == '\\' && i + 1 < line.size() ? line[i + 1] : ' ';
    if (kind == 'u' || kind == 'U') {
      const std::size_t digits = kind == 'u' ? 4 : 8;
      const std::optional<std::uint32_t> value = hexadecimal(line, i + 2, digits);
      if (!value) return std::nullopt;
      character = *value;
      i += 1 + digits;
    }
    if (!append_utf8(text, character)) return std::nullopt;
  }
  return text;
}

std::optional<std::string> latin1_bytes(std::string_view utf8) {
  std::string bytes;
  for (std::size_t i = 0; i < utf8.size(); ++i) {
    const auto c = static_cast<unsigned char>(utf8[i]);
    if (c < 0x80) {
      bytes.push_back(static_cast<char>(c));
      continue;
    }
    if ((c != 0xC2 && c != 0xC3) || i + 1 == utf8.size()) return std::nullopt;
    const auto next = static_cast<unsigned char>(utf8[++i]);
    if ((next & 0xC0) != 0x80) return std::nullopt;
    bytes.push_back(static_cast<char>((c & 3) << 6 | (next & 63)));
  }
  return bytes;
}

}  // namespace peclr
