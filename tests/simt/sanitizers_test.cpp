// SPDX-License-Identifier: Apache-2.0
// Faults that only a sanitizer sees: AddressSanitizer what is written beyond shared memory,
// ThreadSanitizer a race inside a block, inside a warp and between blocks. Each must be reported
// with its lines of the source, and the right twin of each must pass.
#include <catch2/catch.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/files.h"
#include "tests/support/places.h"
#include "tests/support/program.h"

namespace peclr {
namespace {

// "kernels.cu:31" for the line of the planted kernels that ends with this remark.
std::string line_of(const std::string& remark) {
  const std::string text = test::read_bytes(test::in_project("tests/simt/planted/kernels.cu"));
  const std::size_t at = text.find("// " + remark + "\n");
  REQUIRE(at != std::string::npos);
  const auto begin = text.begin(), end = begin + static_cast<std::ptrdiff_t>(at);
  return "kernels.cu:" + std::to_string(1 + std::count(begin, end, '\n'));
}

void check_caught(const std::string& kernel, const std::string& report,
                  const std::vector<std::string>& remarks) {
  CAPTURE(kernel);
  for (const char* order : {"forward", "reverse", "shuffled:3"}) {
    CAPTURE(order);
    const test::ProgramOptions options{.env = {{"PECLR_SIMT_ORDER", order}}};
    const test::ProgramResult right = test::run_program("simt_planted", {kernel}, options);
    CHECK((right.exit_code == 0 && right.err.empty()));
    const auto wrong = test::run_program("simt_planted", {kernel, "planted"}, options);
    INFO(test::described(wrong));
    CHECK(wrong.exit_code != 0);
    CHECK(wrong.exit_code != 2);  // not a word that simt_planted does not know
    CHECK(wrong.says(report));
    for (const std::string& remark : remarks) CHECK(wrong.says(line_of(remark + " of " + kernel)));
  }
}

bool built_with(std::string_view sanitizer) {
  return std::string_view(PECLR_SANITIZERS).find(sanitizer) != std::string_view::npos;
}

TEST_CASE("emulator: AddressSanitizer sees a write beyond shared memory", "[simt]") {
  if (!built_with("address")) {
    WARN("skipped: this build has no AddressSanitizer (preset simt-asan)");
    return;
  }
  check_caught("beyond_shared", "heap-buffer-overflow", {"write"});
}

TEST_CASE("emulator: ThreadSanitizer sees what no barrier, fence or atomic orders", "[simt]") {
  if (!built_with("thread")) {
    WARN("skipped: this build has no ThreadSanitizer (preset simt-tsan)");
    return;
  }
  check_caught("neighbours", "data race", {"write", "read"});
  check_caught("warp_ring", "data race", {"write", "read"});
  check_caught("count_blocks", "data race", {"write"});
  check_caught("last_block_sum", "data race", {"write", "read"});
}

}  // namespace
}  // namespace peclr
