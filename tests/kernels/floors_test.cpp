// SPDX-License-Identifier: Apache-2.0
// The floors that benchmarks and documentation quote: against sums by hand, and the page against
// the table.
#include <catch2/catch.hpp>

#include "benchmarks/gpu/floors.h"
#include "engine/error.h"
#include "tests/support/files.h"
#include "tests/support/places.h"
#include "tests/support/quotes.h"

namespace peclr::bench {
namespace {

std::string table() {
  std::string text;
  for (const KernelFloor& floor : floors(kFull)) text += floor_line(floor, kAssumed) + "\n";
  return text;
}

TEST_CASE("floors: bytes and operations by hand", "[floors]") {
  const auto bytes = [](const char* kernel) { return floor_of(kFull, kernel).work.bytes; };
  // 2048 pictures of 224 x 224 x 4 levels, 4096 views of 128 x 128 x 8 bf16.
  CHECK(bytes("augment") == 411'041'792. + 1'073'741'824.);
  // 512 x 64 x 64 x 64 bf16 are 256 MiB.
  CHECK(bytes("norm + ReLU") == 3 * 268'435'456.);
  CHECK(bytes("norm + add + ReLU, backward") == 7 * 268'435'456. + 16'777'216.);
  // x twice; 512 x 32 x 32 x 64 values, their x, and a byte each.
  CHECK(bytes("norm + ReLU + max pool") == 2 * 268'435'456. + 2 * 67'108'864. + 33'554'432.);
  CHECK(bytes("procrustes") == 760e6);  // two hands of 252 bytes in, one and an error out
  // 64 + 9 numbers of a hand in; 42, 21, 42, 1 and 64 out.
  CHECK(bytes("pose_lift") == 4096. * 4 * (73 + 170));
  CHECK(floor_of(kFull, "ntxent + gradient").work.products == 6. * 4096 * 4096 * 128);
  CHECK_THROWS_AS(floor_of(kFull, "no kernel"), Error);
}

TEST_CASE("floors: the slowest of memory, tensor cores and vector units", "[floors]") {
  const Rates rates{.copy = 10, .products = 100, .operations = 5};
  CHECK(floor_seconds({.bytes = 20, .products = 100, .operations = 5}, rates) == 2);
  CHECK(floor_seconds({.bytes = 20, .products = 300, .operations = 5}, rates) == 3);
  CHECK(floor_seconds({.bytes = 20, .products = 300, .operations = 20}, rates) == 4);
}

TEST_CASE("floors: docs/kernels.md quotes the table", "[floors]") {
  std::string page = test::read_bytes(test::in_project("docs/kernels.md"));
  for (const std::string& line : test::lines_missing(page, table())) FAIL_CHECK(line);
  // A digit that is wrong is noticed.
  const std::size_t digit = page.find("| 1485 |");
  REQUIRE(digit != page.npos);
  page[digit + 2] = '2';
  CHECK(test::lines_missing(page, table()).size() == 1);
}

}  // namespace
}  // namespace peclr::bench
