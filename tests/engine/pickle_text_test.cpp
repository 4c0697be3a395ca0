// SPDX-License-Identifier: Apache-2.0
// Lines of pickles of protocol 0, beside what Python says of them.
#include <catch2/catch.hpp>

#include "engine/files/pickle_text.h"

using namespace peclr;

TEST_CASE("pickled lines are read as Python does", "[pickle]") {
  CHECK(pickled_whole("12") == 12);
  CHECK(pickled_whole("-9223372036854775808L") == INT64_MIN);
  for (const char* line : {"", "L", "-", "1.5", "12LL", " 1", "0x10", "1_0", "+1"}) {
    CHECK_FALSE(is_pickled_whole(line));
    CHECK_FALSE(pickled_whole(line));
  }
  CHECK(is_pickled_whole("-9223372036854775809L"));
  CHECK_FALSE(pickled_whole("-9223372036854775809L"));

  // As repr writes bytes, with quotes of the other kind where one is among them.
  CHECK(pickled_string(R"('a\n\r\t\\\'\x00\xff~')") == std::string("a\n\r\t\\'\0\xff~", 9));
  CHECK(pickled_string(R"("it's")") == "it's");
  CHECK(pickled_string("''") == "");
  for (const char* line : {"", "'", "abc", "'a\"", "'a\\'", "'\\x1'", "'\\xg0'", "'\\x'", "'\\q'"})
    CHECK_FALSE(pickled_string(line));

  CHECK(pickled_unicode("a\xe9\\u20ac\\U0001f44b\\n") ==
        "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x91\x8b\\n");
  CHECK(pickled_unicode("\\") == "\\");
  for (const char* line : {"\\u12", "\\u12g4", "\\U00110000"}) CHECK_FALSE(pickled_unicode(line));

  CHECK(latin1_bytes("a\xc2\x80\xc3\xbf") == "a\x80\xff");
  for (const char* text : {"\xe2\x82\xac", "\xc3", "\xc3z", "\x80", "\xc4\x80"})
    CHECK_FALSE(latin1_bytes(text));
}
