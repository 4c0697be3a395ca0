// SPDX-License-Identifier: Apache-2.0
// Built on yaml-cpp's events, not on its nodes: no aliases to expand, no memory out of proportion,
// every line known, and "in quotes or not" is not lost. The only file that includes yaml-cpp.
#include "engine/files/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <deque>
#include <sstream>

#include "engine/files/file.h"
#include "engine/text.h"

namespace peclr {
namespace {

constexpr std::size_t kMaxBytes = 1 << 20, kMaxDepth = 32, kMaxNodes = 10'000;

class TreeBuilder : public YAML::EventHandler {
 public:
  explicit TreeBuilder(const YamlOrigin& origin) : origin_(origin) {}
  YamlNode take() {
    if (bad_key_) refuse(*bad_key_, "a key must be a word");
    return std::move(root_);
  }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    begin(mark, "?", anchor, YamlNode::Kind::null);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { refuse_anchor(mark); }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    if (expects_key()) {
      check_plain(mark, tag, anchor);
      return add_key(mark, value);
    }
    YamlNode& node = begin(mark, tag, anchor, YamlNode::Kind::scalar);
    node.text = value;
    node.in_quotes = tag == "!";
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open_.push_back(&begin(mark, tag, anchor, YamlNode::Kind::list));
  }
  void OnSequenceEnd() override { open_.pop_back(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open_.push_back(&begin(mark, tag, anchor, YamlNode::Kind::map));
    key_pending_.push_back(false);
  }
  void OnMapEnd() override {
    open_.pop_back();
    key_pending_.pop_back();
  }

 private:
  template <class... Args>
  [[noreturn]] void refuse(const YAML::Mark& mark, fmt::format_string<Args...> text,
                           Args&&... args) const {
    fail(ErrorKind::usage, "{}: {}", origin_.at(mark.line + 1),
         fmt::format(text, std::forward<Args>(args)...));
  }
  [[noreturn]] void refuse_anchor(const YAML::Mark& mark) const {
    refuse(mark, "anchors and aliases (&name, *name) are not read here; write the value out");
  }

  void check_plain(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) const {
    if (anchor != YAML::NullAnchor) refuse_anchor(mark);
    if (!tag.empty() && tag != "?" && tag != "!")
      refuse(mark, "the tag {} is not read here", shown(tag));
  }

  // Inside a map, between two entries.
  bool expects_key() const {
    return !open_.empty() && open_.back()->kind == YamlNode::Kind::map && !key_pending_.back();
  }

  void add_key(const YAML::Mark& mark, const std::string& key) {
    auto& entries = open_.back()->entries;
    const auto same =
        std::find_if(entries.begin(), entries.end(), [&](auto& e) { return e.key == key; });
    if (same != entries.end())
      refuse(mark, "duplicate key {}: it stands on line {} already", shown(key), same->line);
    entries.push_back({key, mark.line + 1, {}});
    key_pending_.back() = true;
  }

  // Children of the open node may move their siblings, but never the open nodes themselves: those
  // are last in line.
  YamlNode& begin(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YamlNode::Kind kind) {
    check_plain(mark, tag, anchor);
    if (++nodes_ > kMaxNodes) refuse(mark, "more than {} values", kMaxNodes);
    if (open_.size() >= kMaxDepth) refuse(mark, "nested more than {} deep", kMaxDepth);
    YamlNode* node = &root_;
    if (expects_key()) {
      // Not refused yet: an unclosed bracket also looks like this at first, and its own message is
      // the better one.
      if (!bad_key_) bad_key_ = mark;
      open_.back()->entries.push_back({"", mark.line + 1, {}});
      key_pending_.back() = true;
      node = &aside_.emplace_back();
    } else if (!open_.empty() && open_.back()->kind == YamlNode::Kind::map) {
      node = &open_.back()->entries.back().value;
      key_pending_.back() = false;
    } else if (!open_.empty()) {
      node = &open_.back()->items.emplace_back();
    }
    node->kind = kind;
    node->line = mark.line + 1;
    return *node;
  }

  const YamlOrigin& origin_;
  YamlNode root_;
  std::vector<YamlNode*> open_;
  std::vector<bool> key_pending_;  // for each open map: the key is read, its value is not
  std::deque<YamlNode> aside_;     // lists and maps that stand as keys
  std::optional<YAML::Mark> bad_key_;
  std::size_t nodes_ = 0;
};

std::string_view line_of(std::string_view text, int number) {
  for (; number > 0 && !text.empty(); --number)
    text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
  return text.substr(0, text.find('\n'));
}

// What the library's words mean for the one who wrote the text.
const char* yaml_advice(std::string_view message, std::string_view line) {
  const auto says = [&](std::string_view words) { return message.find(words) != message.npos; };
  if (line.substr(0, line.find_first_not_of(" \t")).find('\t') != line.npos)
    return "indent with spaces, not tabs";
  if (says("indicator in scalar") || says("end of scalar"))
    return "close the quote that is opened on a line before";
  if (says("sequence flow") || says("map flow")) return "close the bracket";
  return "check indentation, colons and quotes";
}

// Digits with at most one sign and no leading zero: 10, -3, +5, 0.
bool decimal_digits(std::string_view text) {
  if (!text.empty() && (text[0] == '+' || text[0] == '-')) text.remove_prefix(1);
  const bool digits = !text.empty() && std::all_of(text.begin(), text.end(),
                                                   [](char c) { return c >= '0' && c <= '9'; });
  return digits && (text.size() == 1 || text[0] != '0');
}

template <class T>
std::optional<T> parse_all(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);  // from_chars knows no plus sign
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::string YamlOrigin::at(int line) const {
  return kind == Kind::file ? fmt::format("{}:{}", printable(name), line) : printable(name, 100);
}

YamlNode parse_yaml(std::string_view text, const YamlOrigin& origin) {
  if (!is_clean_utf8(text)) fail(ErrorKind::usage, "{}: not UTF-8 text", origin.at(1));
  // yaml-cpp takes the end of the text for a missing closing quote; it does not take the end of a
  // document for one.
  std::istringstream stream{std::string(text) + (text.ends_with('\n') ? "...\n" : "\n...\n")};
  TreeBuilder builder(origin);
  try {
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(builder)) return {};
    YamlNode root = builder.take();
    TreeBuilder second(origin);
    if (parser.HandleNextDocument(second))
      fail(ErrorKind::usage, "{}: holds more than one document", origin.at(1));
    return root;
  } catch (const YAML::Exception& error) {
    fail(ErrorKind::usage, "{}: not valid YAML: {} (column {}); {}", origin.at(error.mark.line + 1),
         printable(error.msg, 200), error.mark.column + 1,
         yaml_advice(error.msg, line_of(text, error.mark.line)));
  }
}

YamlNode read_yaml_file(const std::string& path) {
  return parse_yaml(read_text_file(path, ErrorKind::usage, kMaxBytes),
                    {YamlOrigin::Kind::file, path});
}

std::optional<std::int64_t> yaml_whole(const YamlNode& node) {
  if (node.kind != YamlNode::Kind::scalar || node.in_quotes || !decimal_digits(node.text))
    return std::nullopt;
  return parse_all<std::int64_t>(node.text);
}

std::optional<double> yaml_number(const YamlNode& node) {
  if (node.kind != YamlNode::Kind::scalar || node.in_quotes) return std::nullopt;
  const std::string_view text = node.text;
  const bool only_digits = text.find_first_not_of("+-.eE0123456789") ==
                           std::string_view::npos;  // no inf, no nan, no hex
  const std::string_view whole_part = text.substr(0, text.find_first_of(".eE"));
  const bool no_whole_part =
      whole_part.find_first_of("0123456789") == std::string_view::npos;  // .5
  if (!only_digits || text.starts_with("+-") || !(no_whole_part || decimal_digits(whole_part)))
    return std::nullopt;
  return parse_all<double>(text);
}

std::optional<bool> yaml_truth(const YamlNode& node) {
  if (node.kind != YamlNode::Kind::scalar || node.in_quotes) return std::nullopt;
  if (node.text == "true" || node.text == "True" || node.text == "TRUE") return true;
  if (node.text == "false" || node.text == "False" || node.text == "FALSE") return false;
  return std::nullopt;
}

std::optional<std::string> yaml_string(const YamlNode& node) {
  if (node.kind != YamlNode::Kind::scalar || node.text.empty()) return std::nullopt;
  return node.text;
}

std::string describe(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::null:
      return "nothing";
    case YamlNode::Kind::list:
      return "a list";
    case YamlNode::Kind::map:
      return "a map";
    case YamlNode::Kind::scalar:
      break;
  }
  const std::string text = shown(node.text);
  if (node.in_quotes) return text + " in quotes";
  const auto is_one_of = [&](std::initializer_list<const char*> words) {
    std::string lower = node.text;
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](unsigned char c) { return std::tolower(c); });
    return std::find(words.begin(), words.end(), lower) != words.end();
  };
  if (is_one_of({"yes", "no", "on", "off", "y", "n"})) return text + " (write true or false)";
  const std::size_t digit = node.text.find_first_not_of("+-");
  if (digit != std::string::npos && node.text[digit] == '0' && digit + 1 < node.text.size() &&
      std::isdigit(static_cast<unsigned char>(node.text[digit + 1])))
    return text + " (a leading zero means octal to some readers)";
  return text;
}

std::string yaml_quoted(std::string_view text) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-";
  YamlNode node;
  node.kind = YamlNode::Kind::scalar;
  node.text = text;
  const bool word = !text.empty() && text.find_first_not_of(kPlain) == std::string_view::npos &&
                    text.find_first_not_of("-.") != std::string_view::npos && text[0] != '-';
  if (word && text != "null" && text != "Null" && text != "NULL" && !yaml_truth(node) &&
      !yaml_number(node))
    return node.text;
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7F) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out + '"';
}

}  // namespace peclr
