// SPDX-License-Identifier: Apache-2.0
#include "engine/text.h"

namespace peclr {
namespace {

// Bytes of the character that starts at text[i], or 0 if there is none (RFC 3629, table 3-7 of
// Unicode).
std::size_t character_bytes(std::string_view text, std::size_t i) {
  const auto byte = [&](std::size_t k) {
    return i + k < text.size() ? static_cast<unsigned char>(text[i + k]) : 0u;
  };
  const auto follows = [&](std::size_t k, unsigned low = 0x80, unsigned high = 0xBF) {
    return byte(k) >= low && byte(k) <= high;
  };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return follows(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    const unsigned low = lead == 0xE0 ? 0xA0 : 0x80, high = lead == 0xED ? 0x9F : 0xBF;
    return follows(1, low, high) && follows(2) ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    const unsigned low = lead == 0xF0 ? 0x90 : 0x80, high = lead == 0xF4 ? 0x8F : 0xBF;
    return follows(1, low, high) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

}  // namespace

bool is_clean_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t bytes = character_bytes(text, i);
    if (bytes == 0 || text[i] == '\0') return false;
    i += bytes;
  }
  return true;
}

std::string printable(std::string_view text, std::size_t limit) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t bytes = character_bytes(text, i);
    const auto c = static_cast<unsigned char>(text[i]);
    const bool control = bytes <= 1 && (c < 0x20 || c == 0x7F || bytes == 0);
    const bool c1_control =
        bytes == 2 && c == 0xC2 && static_cast<unsigned char>(text[i + 1]) < 0xA0;
    const std::size_t step = bytes == 0 ? 1 : bytes;
    if (i + step > limit) return out + "...";
    if (control || c1_control) {
      for (std::size_t k = 0; k < step; ++k)
        out += fmt::format("\\x{:02X}", static_cast<unsigned char>(text[i + k]));
    } else {
      out += text.substr(i, step);
    }
    i += step;
  }
  return out;
}

std::string shown(std::string_view text, std::size_t limit) {
  return fmt::format("'{}'", printable(text, limit));
}

}  // namespace peclr
