// SPDX-License-Identifier: Apache-2.0
// Strict YAML: what a person may have meant in two ways is an error here. Refused are duplicate
// keys, anchors and aliases, tags, several documents, deep nesting, and spellings that readers
// understand differently (010, yes, 1_000).
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/error.h"

namespace peclr {

struct YamlEntry;

struct YamlNode {
  enum class Kind { null, scalar, list, map };
  Kind kind = Kind::null;
  int line = 1;                    // where it begins
  std::string text;                // of a scalar
  bool in_quotes = false;          // then it is a string, whatever it looks like
  std::vector<YamlNode> items;     // of a list
  std::vector<YamlEntry> entries;  // of a map, in the order of the file
};

struct YamlEntry {
  std::string key;
  int line = 1;
  YamlNode value;
};

// Where a text comes from, for messages: a file has lines, an argument of the command line has not.
struct YamlOrigin {
  enum class Kind { file, argument };
  Kind kind = Kind::file;
  std::string name;

  std::string at(int line) const;  // "pretrain.yaml:12", or the argument's text
};

// Throws Error(usage) with place and fault. An empty text is a null node.
YamlNode parse_yaml(std::string_view text, const YamlOrigin& origin);
// At most 1 MiB. Throws Error(usage).
YamlNode read_yaml_file(const std::string& path);

// A scalar as one type, or nothing if it is not spelt as one. Numbers are decimal and finite,
// without leading zeros; truth is true or false. A string is any scalar that is not empty; numbers
// outside quotes serve as strings, too.
std::optional<std::int64_t> yaml_whole(const YamlNode& node);
std::optional<double> yaml_number(const YamlNode& node);
std::optional<bool> yaml_truth(const YamlNode& node);
std::optional<std::string> yaml_string(const YamlNode& node);

// For messages: "'010' (a leading zero means octal to some readers)", "a list", "nothing".
std::string describe(const YamlNode& node);
// A string as a YAML scalar, in quotes where it needs them.
std::string yaml_quoted(std::string_view text);

}  // namespace peclr
