// SPDX-License-Identifier: Apache-2.0
// Strict YAML: what is read, what is refused and on which line, and that no hostile text crashes,
// hangs or swells.
#include "engine/files/yaml.h"

#include <catch2/catch.hpp>

#include "kernels/random.h"
#include "tests/support/files.h"

namespace peclr {
namespace {

using test::caught;

const YamlOrigin kFile{YamlOrigin::Kind::file, "f.yaml"};

YamlNode parse(std::string_view text) { return parse_yaml(text, kFile); }
YamlNode value(std::string_view text) {
  return parse(fmt::format("k: {}", text)).entries.at(0).value;
}

TEST_CASE("yaml: structure, order and lines") {
  const YamlNode root = parse("# comment\nb: 1\na:\n  c: [x, 'y', {z: 3}]\n  d:\n");
  REQUIRE(root.kind == YamlNode::Kind::map);
  REQUIRE(root.entries.size() == 2);
  CHECK(root.entries[0].key == "b");
  CHECK(root.entries[1].line == 3);
  const YamlNode& a = root.entries[1].value;
  REQUIRE(a.entries.size() == 2);
  CHECK(a.entries[0].line == 4);
  REQUIRE(a.entries[0].value.items.size() == 3);
  CHECK(a.entries[0].value.items[0].text == "x");
  CHECK_FALSE(a.entries[0].value.items[0].in_quotes);
  CHECK(a.entries[0].value.items[1].in_quotes);
  CHECK(a.entries[0].value.items[2].entries.at(0).value.text == "3");
  CHECK(a.entries[1].value.kind == YamlNode::Kind::null);
  for (const char* empty :
       {"", "\n\n", "# only a comment", "---\n", "~", "...\n", "---\n...\n", "\xEF\xBB\xBF"})
    CHECK(parse(empty).kind == YamlNode::Kind::null);
}

TEST_CASE("yaml: JSON is read, too") {
  const YamlNode root = parse("{\"a\": [1, 2.5, true, null], \"b\": {\"c\": \"d\"}}");
  CHECK(root.entries.at(0).value.items.size() == 4);
  CHECK(root.entries.at(1).value.entries.at(0).value.text == "d");
}

TEST_CASE("yaml: whole numbers") {
  for (auto [text, expected] : std::initializer_list<std::pair<const char*, std::int64_t>>{
           {"0", 0}, {"7", 7}, {"+5", 5}, {"-3", -3}, {"9223372036854775807", INT64_MAX}})
    CHECK(yaml_whole(value(text)) == expected);
  for (const char* text : {"010",
                           "0x10",
                           "0o10",
                           "1_000",
                           "1.0",
                           "1e3",
                           "abc",
                           "~",
                           "",
                           "'7'",
                           "\"7\"",
                           "[7]",
                           "{7: 7}",
                           "--7",
                           "+-7",
                           "9223372036854775808",
                           "18446744073709551616",
                           "1 000",
                           "true",
                           ".inf"})
    CHECK_FALSE(yaml_whole(value(text)));
}

TEST_CASE("yaml: numbers") {
  for (auto [text, expected] : std::initializer_list<std::pair<const char*, double>>{{"0", 0},
                                                                                     {"1e-4", 1e-4},
                                                                                     {"+2.5", 2.5},
                                                                                     {"-.5", -.5},
                                                                                     {".5", .5},
                                                                                     {"5.", 5},
                                                                                     {"1E3", 1000},
                                                                                     {"0.1", 0.1},
                                                                                     {"-0", 0}})
    CHECK(yaml_number(value(text)) == expected);
  for (const char* text : {".nan", ".inf",  "-.inf", "nan", "inf",  "NaN",     "1e400", "1e-400",
                           "010",  "010.5", "0x1p3", "3,5", "1.0f", "1_000.0", "'1.5'", "1.2.3",
                           "e5",   ".",     "+",     "~",   "[1]",  "1e",      "+-1"})
    CHECK_FALSE(yaml_number(value(text)));
}

TEST_CASE("yaml: truth and strings") {
  CHECK(yaml_truth(value("true")) == true);
  CHECK(yaml_truth(value("False")) == false);
  for (const char* text : {"yes", "no", "on", "off", "y", "1", "0", "'true'", "~", "tRue"})
    CHECK_FALSE(yaml_truth(value(text)));
  CHECK(yaml_string(value("a b")) == "a b");
  CHECK(yaml_string(value("2024")) == "2024");
  CHECK(yaml_string(value("'~'")) == "~");
  for (const char* text : {"", "~", "null", "''", "[a]", "{a: b}"})
    CHECK_FALSE(yaml_string(value(text)));
  CHECK(describe(value("yes")) == "'yes' (write true or false)");
  CHECK(describe(value("010")) == "'010' (a leading zero means octal to some readers)");
  CHECK(describe(value("'7'")) == "'7' in quotes");
  CHECK(describe(value("")) == "nothing");
}

TEST_CASE("yaml: quoted strings read back") {
  for (const std::string& text :
       {std::string("out/run_1.x"), std::string("a b"), std::string("true"), std::string("010"),
        std::string("1.5"), std::string("null"), std::string("~"), std::string("a: b #c"),
        std::string("\"\\'"), std::string("line\nbreak\ttab\x01"), std::string("caf\u00e9"),
        std::string("-"), std::string("..."), std::string("---"), std::string("-x"),
        std::string(".5"), std::string("[a]"), std::string("*x")}) {
    INFO(text);
    CHECK(yaml_string(value(yaml_quoted(text))) == text);
  }
  CHECK(yaml_quoted("out/run_1.x") == "out/run_1.x");
}

TEST_CASE("yaml: refused, with the line") {
  struct Case {
    std::string text;
    const char* fault;
  };
  const std::vector<Case> cases{
      {"a: 1\nb: 2\na: 3\n", "f.yaml:3: duplicate key 'a': it stands on line 1 already"},
      {"a:\n  b: 1\n  b: 1\n", "f.yaml:3: duplicate key 'b'"},
      {"{a: 1, a: 2}", "duplicate key"},
      {"a: &x 1\nb: *x\n", "f.yaml:1: anchors"},
      {"a: &a [*a]", "anchors"},
      {"a: *nothing", "f.yaml:1"},
      {"a: !!python/object:x 1", "tag"},
      {"a: !2 x", "tag"},
      {"&k a: 1", "anchors"},
      {"[a]: 1", "a key must be a word"},
      {"{a: b}: 1", "a key must be a word"},
      {"~: 1", "a key must be a word"},
      {"a: 1\n---\nb: 2\n", "more than one document"},
      {"a: [1, 2\nb: 3\n", "not valid YAML"},
      {"[a, b", "end of sequence flow not found"},
      {"a: 'x\n", "not valid YAML"},
      {"a: \"\\\x1bx\"", "\\x1B"},
      {"a: b: c\n", "not valid YAML"},
      {"a:\n\t- b\n", "f.yaml:2: not valid YAML"},
      {std::string("a: \0b", 5), "not UTF-8"},
      {"a: \xff\xfe", "not UTF-8"},
      {std::string("\xff\xfe"
                   "a\0:\0",
                   6),
       "not UTF-8"},
      {"a: \xed\xa0\x80", "not UTF-8"},
      {"a: \xc0\xaf", "not UTF-8"},
  };
  for (const Case& c : cases) {
    const auto error = caught([&] { parse(c.text); });
    INFO(c.text << " -> " << error.text);
    CHECK(error.kind == 2);
    CHECK(error.one_line());
    CHECK(error.names(c.fault));
    CHECK_FALSE(error.names("\x1b"));
  }
}

TEST_CASE("yaml: depth, number of values and size are limited") {
  const auto repeat = [](std::string_view part, int n) {
    std::string text;
    for (int i = 0; i < n; ++i) text += part;
    return text;
  };
  CHECK_NOTHROW(parse(repeat("[", 32) + repeat("]", 32)));
  for (const int depth : {33, 500, 100'000})
    for (const char* opening : {"[", "{a: ", "- ", "- - "})
      CHECK(caught([&] { parse(repeat(opening, depth)); }).kind == 2);
  std::string blocks;
  for (int i = 0; i < 300; ++i) blocks += std::string(static_cast<std::size_t>(i), ' ') + "a:\n";
  CHECK(caught([&] { parse(blocks); }).names("nested more than 32 deep"));
  CHECK(caught([&] {
          parse(fmt::format("[{}1]", repeat("1,", 10'001)));
        }).names("more than 10000 values"));

  const test::TempFolder folder;
  test::write_bytes(folder / "large.yaml", "a: " + std::string(1 << 20, 'x'));
  CHECK(caught([&] { read_yaml_file(folder / "large.yaml"); }).names("at most 1048576"));
  CHECK(caught([&] { read_yaml_file("/dev/zero"); }).names("a pipe or a device"));
  CHECK(caught([&] { read_yaml_file(folder.path().string()); }).names("a folder"));
  CHECK(caught([&] { read_yaml_file(folder / "absent.yaml"); }).names("No such file"));
}

TEST_CASE("yaml: damaged texts end in an error or a tree, nothing else") {
  const std::string text =
      "a: [1, {b: 'c', d: \"e\"}]\nf:\n  - g: |\n      text\n    h: >-\n      folded\n  - ? i\n    "
      ": j\n";
  const std::string_view letters = "{}[]:,-?&*!|>'\"%@` \n\t#ab0~\\";
  Rng rng = Rng::of(2, 7);
  int refused = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string damaged = text;
    for (std::uint32_t k = 1 + rng.below(6); k > 0; --k) {
      const std::uint32_t at = rng.below(static_cast<std::uint32_t>(damaged.size()));
      if (rng.below(3) == 0)
        damaged.erase(at, 1 + rng.below(5));
      else
        damaged.insert(at, 1, letters[rng.below(static_cast<std::uint32_t>(letters.size()))]);
    }
    const auto error = caught([&] { parse(damaged); });
    refused += error.kind == 2;
    if (error.kind != 0) REQUIRE((error.kind == 2 && error.one_line()));
  }
  CHECK(refused > 1000);
}

}  // namespace
}  // namespace peclr
