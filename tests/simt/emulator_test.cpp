// SPDX-License-Identifier: Apache-2.0
// The emulator's own checkers, each with a planted fault that it must catch and without.
#include <catch2/catch.hpp>
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "tests/simt/emulator/fault.h"
#include "tests/simt/emulator/schedule.h"
#include "tests/simt/orders.h"
#include "tests/simt/planted/kernels.h"

namespace peclr {
namespace {

using planted::Fault;

// What the emulator says of a launch; empty where it has no objection.
template <class F>
std::string objection(F launch) {
  try {
    launch();
    return {};
  } catch (const simt::Fault& fault) {
    return fault.what();
  }
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// Of `count` values that kernel(out, fault) writes, under each order.
template <class T, class Kernel>
std::vector<std::vector<T>> results(Kernel kernel, Fault fault, std::size_t count) {
  std::vector<std::vector<T>> all;
  test::for_each_order([&] {
    std::vector<T>& out = all.emplace_back(count, T{-1});
    kernel(out.data(), fault);
  });
  return all;
}

TEST_CASE("emulator: a missing barrier makes results depend on the order", "[simt]") {
  const auto n = static_cast<std::size_t>(planted::kThreads);
  const auto right = results<float>(planted::neighbours, Fault::none, n);
  REQUIRE(right.size() == 4);
  for (const std::vector<float>& out : right)
    for (std::size_t t = 0; t < n; ++t)
      CHECK(out[t] == static_cast<float>((t + 1) % n + (t + n - 1) % n));

  // Where ThreadSanitizer watches, it would see this: tests/simt/sanitizers_test.cpp.
  if (std::string_view(PECLR_SANITIZERS).find("thread") != std::string_view::npos) return;
  const auto wrong = results<float>(planted::neighbours, Fault::planted, n);
  CHECK(wrong[0] != right[0]);
  CHECK(wrong[1] != wrong[0]);
  CHECK(wrong[2] != wrong[3]);
}

TEST_CASE("emulator: shared memory that nobody wrote is NaN, in every block", "[simt]") {
  const auto n = static_cast<std::size_t>(planted::kThreads);
  for (const auto& out : results<float>(planted::unwritten_shared, Fault::none, n))
    CHECK(out[7] == 7);
  for (const auto& out : results<float>(planted::unwritten_shared, Fault::planted, n))
    for (const float x : out) CHECK(std::isnan(x));
}

TEST_CASE("emulator: shuffles keep to their masks", "[simt]") {
  for (const auto& out : results<int>(planted::shuffled_sum, Fault::none, 32))
    for (const int sum : out) CHECK(sum == 31 * 32 / 2);
  for (const auto& out : results<int>(planted::read_lane, Fault::none, 32)) CHECK(out[0] == 31);
  for (const auto& out : results<int>(planted::read_exited_lane, Fault::none, 32)) {
    CHECK(out[0] == 15);
    CHECK(out[16] == -1);
  }

  std::vector<int> out(32);
  const auto said = [&](auto kernel) {
    std::string text;
    test::for_each_order([&] {
      text = objection([&] { kernel(out.data(), Fault::planted); });
      CHECK(has(text, "planted/kernels.cu:"));
    });
    return text;
  };
  CHECK(has(said(planted::shuffled_sum), "is not in its own mask: __shfl_xor_sync"));
  CHECK(has(said(planted::read_lane), "reads lane 31, which is not in the mask"));
  CHECK(has(said(planted::read_exited_lane),
            "reads lane 16, which is not in the mask or has exited"));
  CHECK(has(said(planted::read_lane), "kernel ReadLane, block (0, 0, 0)"));
}

TEST_CASE("emulator: barriers that do not meet are faults that name both places", "[simt]") {
  std::vector<int> out(static_cast<std::size_t>(planted::kThreads));
  test::for_each_order([&] {
    CHECK(objection([&] { planted::two_barriers(out.data(), Fault::none); }).empty());
    const std::string divergent =
        objection([&] { planted::two_barriers(out.data(), Fault::planted); });
    CHECK(has(divergent, "divergent barrier: thread "));
    const std::size_t first = divergent.find("kernels.cu:");
    REQUIRE(first != std::string::npos);
    const std::size_t second = divergent.find("kernels.cu:", first + 1);
    REQUIRE(second != std::string::npos);
    CHECK(divergent.substr(first, 15) != divergent.substr(second, 15));

    CHECK(objection([&] { planted::stuck(out.data(), Fault::none); }).empty());
    const std::string stuck = objection([&] { planted::stuck(out.data(), Fault::planted); });
    CHECK(has(stuck, "deadlock:"));
    CHECK(has(stuck, "thread 5 in __syncwarp (mask 0xffffffff) at "));
    CHECK(has(stuck, "threads 0-4, 6-63 in __syncthreads at "));
  });
}

TEST_CASE("emulator: the last block sees what all have written, the counter is ready again",
          "[simt]") {
  test::for_each_order([&] {
    float partial[5], sum = 0;
    unsigned finished = 0;
    for (int launch = 0; launch < 2; ++launch) {
      planted::last_block_sum(partial, &sum, &finished, 5, Fault::none);
      CHECK(sum == 10);
      CHECK(finished == 0);
    }
    unsigned count = 0;
    planted::count_blocks(&count, Fault::none);
    CHECK(count == 6);
  });
}

TEST_CASE("emulator: a pack at a wrong address is a fault", "[simt]") {
  alignas(16) float in[8] = {1, 2, 3, 4, 5, 6, 7, 8}, out[4] = {};
  planted::copy_pack(in + 4, out);
  CHECK(out[3] == 8);
  CHECK(has(objection([&] { planted::copy_pack(in + 1, out); }), "16 bytes at an address"));
  planted::copy_pack(in, out);  // and the next launch is none the worse for it
  CHECK(out[0] == 1);
}

TEST_CASE("emulator: schedules by name", "[simt]") {
  CHECK(simt::parse_schedule("shuffled:12").seed == 12);
  CHECK(simt::parse_schedule("reverse").order == simt::Schedule::Order::reverse);
  for (const char* wrong : {"", "backwards", "shuffled:", "shuffled:x", "reverse:2"})
    CHECK_THROWS_AS(simt::parse_schedule(wrong), std::invalid_argument);
}

}  // namespace
}  // namespace peclr
