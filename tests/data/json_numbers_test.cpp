// SPDX-License-Identifier: Apache-2.0
// Number arrays in JSON: exact values, and a place for every fault.
#include "data/json_numbers.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "tests/support/files.h"

using namespace peclr;
using test::Caught;
using test::caught;

namespace {

using Shape = std::vector<std::size_t>;

std::vector<float> parse(const std::string& text, const Shape& shape) {
  return parse_json_numbers(text, "x.json", shape);
}

bool refused(const std::string& text, const Shape& shape, std::string_view part,
             std::string_view other = "") {
  const Caught error = caught([&] { parse(text, shape); });
  INFO(text << " -> " << error.text);
  const bool good = error.kind == static_cast<int>(ErrorKind::data) && error.one_line() &&
                    error.text.starts_with("x.json: ") && error.names(part) && error.names(other);
  CHECK(good);
  return good;
}

}  // namespace

TEST_CASE("numbers come out flattened, in order") {
  CHECK(parse("[]", {}).empty());
  CHECK(parse("[1, -2.5, 3e2]", {}) == std::vector<float>{1, -2.5f, 300});
  CHECK(parse(" [[1,2],[3,4],[5,6]]\n", {2}) == std::vector<float>{1, 2, 3, 4, 5, 6});
  CHECK(parse("[[[1,2,3],[4,5,6]]]", {2, 3}) == std::vector<float>{1, 2, 3, 4, 5, 6});
  CHECK(parse("[0.1234567890123456789]", {}) == std::vector<float>{0.12345679f});
}

TEST_CASE("another shape is refused, with its place") {
  refused("5", {}, "an array of numbers belongs");
  refused("{\"a\": 1}", {}, "an object");
  refused("[1, [2]]", {}, "an array", "entry 1");
  refused("[[1,2],3]", {2}, "a number where an array", "entry 1");
  refused("[[1,2],[3]]", {2}, "entry 1 has 1 values instead of 2");
  refused("[[1,2],[3,4,5]]", {2}, "entry 1 has more than 2 values");
  refused("[[[1,2],[3,4]],[[1,2],[3]]]", {2, 2}, "entry 1, [1] has 1 values instead of 2");
  refused("[[[1,2],[3,4],[5,6]]]", {2, 2}, "entry 0 has more than 2 values");
  refused("[[1,2,[3]]]", {3}, "entry 0, [2]");
  refused("[]]", {}, "not valid JSON at byte 3");
  refused("[1 2]", {}, "not valid JSON", "entry 1");
}

TEST_CASE("what is no finite number is refused, with its place") {
  for (const std::string bad : {"NaN", "Infinity", "-Infinity"}) {
    refused("[[1,2],[3," + bad + "]]", {2}, "NaN or Infinity", "entry 1, [1]");
  }
  refused("[1,null]", {}, "null where a finite number belongs", "entry 1");
  refused("[1,true]", {}, "entry 1");
  refused("[\"NaN\"]", {}, "a string", "entry 0");
  refused("[1,1e400]", {}, "too large", "entry 1");
  refused("[1,1e300]", {}, "too large", "entry 1");
}

TEST_CASE("a file that is cut anywhere is refused") {
  const std::string whole = "[[[0.25,-1.5],[1e-3,4]],[[5,6],[7,8.125]]]";
  REQUIRE(parse(whole, {2, 2}).size() == 8);
  for (std::size_t n = 0; n < whole.size(); ++n) {
    refused(whole.substr(0, n), {2, 2}, n == 0 ? "empty" : "the file is cut");
  }
}

TEST_CASE("endless nesting is refused at once") {
  refused(std::string(1'000'000, '['), {3, 3}, "entry 0");
  refused("[" + std::string(1'000'000, ' '), {3, 3}, "the file is cut");
}

TEST_CASE("a missing file is named") {
  const test::TempFolder folder;
  const Caught error = caught([&] { read_json_numbers(folder / "none.json", {}); });
  CHECK(error.kind == static_cast<int>(ErrorKind::data));
  CHECK(error.names("none.json"));
}
