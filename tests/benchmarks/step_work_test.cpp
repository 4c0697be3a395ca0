// SPDX-License-Identifier: Apache-2.0
// The floor of a whole step that a benchmark and documentation quote: against sums by hand, and the
// page against the table.
#include "benchmarks/gpu/step_work.h"

#include <catch2/catch.hpp>

#include "tests/support/files.h"
#include "tests/support/places.h"
#include "tests/support/quotes.h"

namespace peclr::bench {
namespace {

constexpr PeclrStep::Options kSmall{.depth = 18, .size = 32, .views = 6, .compute = DType::bf16};

Work sum(const std::vector<StepJob>& jobs, Part part) {
  Work all;
  for (const StepJob& job : jobs)
    if (job.part == part) {
      all.bytes += job.work.bytes;
      all.products += job.work.products;
      all.operations += job.work.operations;
    }
  return all;
}

// Multiplications of ResNet-18's convolutions at 32 pixels, a view, from the paper's table 1: the
// stem, then stages of two blocks, of which the later begin with a stride and a projection.
struct Products {
  double stem = 16. * 16 * 64 * 49 * 3, others = 0;
};
Products resnet18_products() {
  Products p;
  p.others = 4. * 8 * 8 * 64 * 64 * 9;
  double side = 4, channels = 128;
  for (int stage = 2; stage <= 4; ++stage, side /= 2, channels *= 2)
    p.others += side * side * channels * (channels / 2 * (9 + 1) + 3 * channels * 9);
  return p;
}

TEST_CASE("step floor: what a small ResNet-18 multiplies and moves, by hand", "[floors]") {
  const std::vector<StepJob> jobs = step_jobs(kSmall);
  const Products p = resnet18_products();
  CHECK(sum(jobs, Part::convolution).products == 2 * 6 * (p.stem + p.others));
  CHECK(sum(jobs, Part::convolution_weights).products == 2 * 6 * (p.stem + p.others));
  // Nobody asks for the pictures' gradient.
  CHECK(sum(jobs, Part::convolution_data).products == 2 * 6 * p.others);
  // Convolutions' outputs: 64 channels of 16 x 16; five maps of 8 x 8 x 64 are four here, and five
  // of each later stage. Each is read twice and its norm written once; eight residuals are read
  // once, and leave a bit a value. A projection's norm is not written, to be read as a residual.
  const double stem = 16 * 16 * 64;
  const std::array<double, 4> maps{8 * 8 * 64, 4 * 4 * 128, 2 * 2 * 256, 1 * 1 * 512};
  double outputs = 4 * maps[0], residuals = 2 * maps[0], projections = 0;
  for (int stage = 1; stage < 4; ++stage) {
    outputs += 5 * maps[static_cast<std::size_t>(stage)];
    residuals += 2 * maps[static_cast<std::size_t>(stage)];
    projections += maps[static_cast<std::size_t>(stage)];
  }
  const double head = 4 * 3 * 512;  // f32
  // Behind the stem a quarter of the places is written, with the winners' x and a byte each.
  const double windows = stem / 4;
  CHECK(sum(jobs, Part::norm).bytes ==
        6 * (2 * (3 * outputs + residuals - 2 * projections) + residuals / 8 + head +
             2 * (2 * stem + 2 * windows) + windows));
  // Back: dy and x, twice, and dx; behind a block, but the last, from two sides; g written. It is
  // read once for a block's norm and its projection's. Of the stem, from two sides: the windows'
  // dy and x, and g, written and read; places; x and dx.
  const double joined = residuals - maps[3];
  CHECK(sum(jobs, Part::norm_backward).bytes ==
        6 * (2 * (5 * outputs + residuals + joined - 2 * projections) + residuals / 8 +
             head / 3 * 5 + 2 * (5 * windows + 2 * stem) + windows));
}

TEST_CASE("step floor: jobs are added, each by the slower of its two floors", "[floors]") {
  const std::vector<StepJob> jobs{{Part::norm, {.bytes = 20}},
                                  {Part::convolution, {.bytes = 10, .products = 300}}};
  CHECK(floor_seconds(jobs, {.copy = 10, .products = 100, .operations = 5}) == 2 + 3);
}

TEST_CASE("step floor: docs/kernels.md quotes the table", "[floors]") {
  std::string page = test::read_bytes(test::in_project("docs/kernels.md"));
  const std::string table = step_table(
      step_jobs({.depth = 50, .size = 128, .views = 1024, .compute = DType::bf16}), kAssumed);
  for (const std::string& line : test::lines_missing(page, table)) FAIL_CHECK(line);
  const std::size_t digit = page.find("\n| convolutions | 53 |");
  REQUIRE(digit != page.npos);
  page[digit + 18] = '4';
  CHECK(test::lines_missing(page, table).size() == 1);
}

}  // namespace
}  // namespace peclr::bench
