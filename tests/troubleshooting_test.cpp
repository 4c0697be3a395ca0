// SPDX-License-Identifier: Apache-2.0
// docs/troubleshooting.md quotes messages; each must still be one that the sources can print. A
// message is taken apart at its placeholders, and its pieces are looked up in the string literals.
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/files.h"
#include "tests/support/places.h"

namespace peclr {
namespace {

using Texts = std::vector<std::string>;

// The first cell of each table row that is code: "| `message` | ...".
Texts quoted_messages(std::string_view document) {
  Texts messages;
  for (std::size_t at = 0; (at = document.find("\n| `", at)) != document.npos;) {
    at += 4;
    messages.emplace_back(document.substr(at, document.find('`', at) - at));
  }
  return messages;
}

// What stands between the <placeholders>, without the punctuation at its ends.
Texts pieces_of(std::string_view message) {
  constexpr std::string_view kEdges = " :;,.()";
  Texts pieces;
  while (!message.empty()) {
    std::string_view piece = message.substr(0, message.find('<'));
    const std::size_t end = message.find('>');
    message.remove_prefix(piece.size() == message.size() ? message.size() : end + 1);
    const std::size_t first = piece.find_first_not_of(kEdges);
    if (first == piece.npos) continue;
    piece = piece.substr(first, piece.find_last_not_of(kEdges) + 1 - first);
    pieces.emplace_back(piece);
  }
  return pieces;
}

// The string literals of a source; those that only blanks part are one.
Texts literals_of(std::string_view source) {
  Texts literals;
  bool joins = false;
  for (std::size_t i = 0; i < source.size(); ++i) {
    const char c = source[i];
    if (source.substr(i, 2) == "//") {
      i = std::min(source.find('\n', i), source.size());
    } else if (c == '\'' && (i == 0 || !std::isalnum(static_cast<unsigned char>(source[i - 1])))) {
      for (++i; i < source.size() && source[i] != '\''; ++i) i += source[i] == '\\';
      joins = false;
    } else if (c == '"') {
      if (!joins) literals.emplace_back();
      for (++i; i < source.size() && source[i] != '"'; ++i) {
        i += source[i] == '\\';
        literals.back() += source[i];
      }
      joins = true;
    } else if (!std::isspace(static_cast<unsigned char>(c))) {
      joins = false;
    }
  }
  return literals;
}

Texts literals_of_the_program() {
  namespace fs = std::filesystem;
  Texts literals;
  for (const char* folder : {"engine", "models", "data", "tools"})
    for (const auto& entry : fs::recursive_directory_iterator(test::in_project(folder))) {
      if (entry.path().extension() != ".cpp" && entry.path().extension() != ".h") continue;
      const Texts more = literals_of(test::read_bytes(entry.path().string()));
      literals.insert(literals.end(), more.begin(), more.end());
    }
  return literals;
}

// All pieces, in their order, in one literal.
bool whole_in(const Texts& pieces, std::string_view literal) {
  std::size_t at = 0;
  return std::all_of(pieces.begin(), pieces.end(), [&](const std::string& piece) {
    const std::size_t found = literal.find(piece, at);
    at = found + piece.size();
    return found != literal.npos;
  });
}

// Some messages are put together: what failed, the system's reason, what to do. Then each piece
// must be in some literal, and one of them must say something.
bool is_printed(const std::string& message, const Texts& literals) {
  constexpr std::size_t kTelling = 12;  // letters
  const Texts pieces = pieces_of(message);
  const auto in_some = [&](const Texts& wanted) {
    return std::any_of(literals.begin(), literals.end(),
                       [&](const std::string& l) { return whole_in(wanted, l); });
  };
  if (pieces.empty()) return false;
  if (in_some(pieces)) return true;
  return std::all_of(pieces.begin(), pieces.end(),
                     [&](const std::string& p) { return in_some({p}); }) &&
         std::any_of(pieces.begin(), pieces.end(),
                     [](const std::string& p) { return p.size() >= kTelling; });
}

TEST_CASE("troubleshooting: every message in the document is one that the program prints") {
  if (!test::has_sources()) return;
  const Texts messages =
      quoted_messages(test::read_bytes(test::in_project("docs/troubleshooting.md")));
  const Texts literals = literals_of_the_program();
  CHECK(messages.size() > 50);
  for (const std::string& message : messages) {
    INFO(message);
    CHECK(is_printed(message, literals));
  }
  const std::string readme = test::read_bytes(test::in_project("README.md"));
  CHECK(readme.find("(docs/troubleshooting.md)") != std::string::npos);
}

TEST_CASE("troubleshooting: planted faults are found") {
  const Texts literals = literals_of(
      "fail(\"{}: no such folder; \"\n     \"check the path\", x); // \"a comment\"\n"
      "const char q = '\"', z = 1'000; f(\"cannot open\"); g(\"raise the \\\"limit\\\"\");");
  REQUIRE(literals ==
          Texts{"{}: no such folder; check the path", "cannot open", "raise the \"limit\""});
  CHECK(is_printed("<folder>: no such folder; check the path", literals));
  CHECK(is_printed("<file>: cannot open: <reason>; raise the \"limit\"", literals));
  CHECK_FALSE(is_printed("<folder>: no such folder; check the name", literals));
  CHECK_FALSE(is_printed("<file>: cannot open: <reason>; lower the \"limit\"", literals));
  CHECK_FALSE(is_printed("<file>: a comment", literals));
  CHECK_FALSE(is_printed("<file>", literals));
  CHECK(quoted_messages("text\n| `a <b>` | c | `d` |\n| e | `f` |\n") == Texts{"a <b>"});
  CHECK(pieces_of("<a>: one <b>, two (three)") == Texts{"one", "two (three"});
}

}  // namespace
}  // namespace peclr
