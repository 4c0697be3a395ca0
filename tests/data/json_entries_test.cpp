// SPDX-License-Identifier: Apache-2.0
// Annotation files that are read entry by entry: what is handed over, and what is wrong with a
// file.
#include "data/json_entries.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "tests/support/files.h"

using namespace peclr;
using test::Caught;
using test::caught;
using test::TempFolder;

namespace {

// What a file's two lists hold, as "a0=1" and "b0=x".
std::vector<std::string> read(const std::string& text) {
  const TempFolder folder;
  test::write_bytes(folder / "lists.json", text);
  std::vector<std::string> told;
  const EntryList lists[] = {
      {"a",
       [&](std::int64_t i, const nlohmann::json& e) {
         told.push_back(fmt::format("a{}={}", i, e.at("n").get<int>()));
       }},
      {"b", [&](std::int64_t i, const nlohmann::json& e) {
         told.push_back(fmt::format("b{}={}", i, e.at("s").get<std::string>()));
       }}};
  read_json_entries(folder / "lists.json", lists);
  return told;
}

void refused(const std::string& text, const std::vector<std::string>& parts) {
  const Caught error = caught([&] { read(text); });
  INFO(text << ": " << error.text);
  CHECK(error.kind == static_cast<int>(ErrorKind::data));
  CHECK(error.one_line());
  CHECK(error.names("lists.json"));
  for (const std::string& part : parts) CHECK(error.names(part));
}

}  // namespace

TEST_CASE("entries come in the file's order, whatever stands beside them", "[json]") {
  CHECK(read(R"({"a": [{"n": 1}, {"n": 2, "more": {"n": [3, {"n": 4}]}}], "b": [{"s": "x"}]})") ==
        std::vector<std::string>{"a0=1", "a1=2", "b0=x"});
  CHECK(read(R"({"info": {"a": [{"n": 9}]}, "b": [{"s": "y"}], "list": [1, [2]], "a": []})") ==
        std::vector<std::string>{"b0=y"});
}

TEST_CASE("faults of lists are told with list and entry", "[json]") {
  refused(R"({"a": []})", {"holds no list \"b\""});
  refused(R"([{"a": [], "b": []}])", {"holds no list \"a\""});
  refused(R"({"a": {"n": {"n": 1}}, "b": []})", {"\"a\" is no list"});
  refused(R"({"a": 3, "b": []})", {"\"a\" is no list"});
  refused(R"({"a": [{"n": 1}], "b": [], "a": [{"n": 1}]})", {"holds the list \"a\" twice"});
  refused(R"({"a": [], "a": [], "b": []})", {"holds the list \"a\" twice"});
  refused(R"({"a": [{"n": 1}, 7], "b": []})", {"entry 1 of \"a\" is no object"});
  refused(R"({"a": [[{"n": 1}]], "b": []})", {"entry 0 of \"a\" is no object"});
  refused(R"({"a": [{"n": 1}, {"m": 1}], "b": []})", {"entry 1 of \"a\"", "'n' not found"});
  refused(R"({"a": [{"n": "one"}], "b": []})", {"entry 0 of \"a\"", "must be number"});
  refused(R"({"a": [{"n": 1}, {"n")", {"parse error"});
  refused(R"({"a": [{"n": NaN}], "b": []})", {"parse error"});
  refused("", {"parse error"});
  const TempFolder folder;
  CHECK(caught([&] { read_json_entries(folder / "none.json", {}); }).names("No such file"));
  CHECK(
      caught([&] { read_json_entries(folder.path(), {}); }).names("this is a folder; give a file"));
}

TEST_CASE("documents are read whole", "[json]") {
  const TempFolder folder;
  test::write_bytes(folder / "d.json", R"({"x": {"y": [true, 0, 2]}})");
  int n = 0;
  read_json_document(folder / "d.json", [&](const nlohmann::json& d) {
    const nlohmann::json& y = d.at("x").at("y");
    CHECK((is_true(y.at(0)) && !is_true(y.at(1)) && is_true(y.at(2))));
    ++n;
  });
  CHECK(n == 1);
  const Caught error = caught(
      [&] { read_json_document(folder / "d.json", [](const nlohmann::json& d) { d.at("z"); }); });
  CHECK((error.names("d.json") && error.names("'z' not found") && error.one_line()));
}
