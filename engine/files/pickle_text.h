// SPDX-License-Identifier: Apache-2.0
// The lines of pickles of protocol 0, which hold values as Python's source would.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace peclr {

// "12", "-12L".
bool is_pickled_whole(std::string_view line);

// Nothing, of each of these, where the line is none that Python writes.

// Nothing either if the number has more than 64 bits.
std::optional<std::int64_t> pickled_whole(std::string_view line);

// A string literal, 'a\'b\x00\n', in quotes of either kind: its bytes.
std::optional<std::string> pickled_string(std::string_view line);

// Text in which the only escapes are \u with four hexadecimal digits and \U with eight (a backslash
// itself is written so), and a byte is a character of Latin-1: as UTF-8.
std::optional<std::string> pickled_unicode(std::string_view line);

// The bytes of a text whose characters are all below U+0100, given as UTF-8.
std::optional<std::string> latin1_bytes(std::string_view utf8);

}  // namespace peclr
