// SPDX-License-Identifier: Apache-2.0
// metrics.jsonl: one JSON object a line, so that a run that dies leaves all lines but perhaps half
// of the last one, and a run that is resumed can cut off what it is about to write again.
#pragma once
#include <concepts>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "engine/files/file.h"

namespace peclr {

// Text as JSON has it, in quotes; stray bytes become U+FFFD.
std::string json_string(std::string_view text);

// One object, keys in the order of add(). Numbers are the shortest text that reads back to the same
// value of their type; what is not finite becomes null, which JSON can hold.
class JsonLine {
 public:
  template <std::integral T>
  JsonLine& add(std::string_view key, T value) {
    if constexpr (std::same_as<T, bool>)
      return add_raw(key, value ? "true" : "false");
    else
      return add_raw(key, std::to_string(value));
  }
  JsonLine& add(std::string_view key, float value);
  JsonLine& add(std::string_view key, double value);
  JsonLine& add(std::string_view key, std::string_view value);  // UTF-8; stray bytes become U+FFFD
  JsonLine& add(std::string_view key, std::span<const double> values);  // a list
  JsonLine& add(std::string_view key, const char* value) {
    return add(key, std::string_view(value));
  }

  std::string text() const { return text_ + "}"; }  // without the end of the line

 private:
  JsonLine& add_raw(std::string_view key, std::string_view json);

  std::string text_ = "{";
};

// Appends lines; each is with the system when write() returns.
class JsonLines {
 public:
  // Creates the file if needed. Throws Error(failure).
  explicit JsonLines(std::string path);
  // Throws Error(failure) if the disk refuses; the file then ends with the line before.
  void write(const JsonLine& line);

 private:
  std::string path_;
  Descriptor fd_;
};

// Removes the lines whose "step" is beyond `last_step`, and those that are no JSON object with a
// step (such as half a line at the end). A file that is not there is left so. Throws
// Error(failure).
void cut_json_lines(const std::string& path, std::int64_t last_step);

}  // namespace peclr
