// SPDX-License-Identifier: Apache-2.0
// The file of the fastest plans: what it holds, and that nothing about it can stop a run.
#include "engine/cuda/plan_file.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <set>

#include "engine/cuda/conv_shape.h"
#include "engine/error.h"
#include "engine/files/atomic_file.h"
#include "tests/support/environment.h"
#include "tests/support/files.h"

namespace peclr::cuda {
namespace {

using test::Caught;
using test::caught;

const PlanChoice kSome{22, {{2, 5}, {12, -1}}, 101.5}, kOther{0, {}, 3};

KnownPlan known(const PlanFile& file, const char* key) {
  const KnownPlan* const plan = file.find(key);
  REQUIRE(plan);
  return *plan;
}

TEST_CASE("plan file: the text is JSON of this form, and comes back", "[cuda]") {
  const KnownPlans plans{{"forward a", kSome}, {"backward data b", kOther}, {"c", std::nullopt}};
  CHECK(parse_plans(text_of(plans)) == plans);
  CHECK(parse_plans(R"({"format": 1, "plans": {"forward a": {"engine": 22, "knobs":
                        [[2, 5], [12, -1]], "microseconds": 101.5}}})") ==
        KnownPlans{{"forward a", kSome}});
  CHECK(parse_plans(R"({"format": 1, "plans": {"forward a": null}})") ==
        KnownPlans{{"forward a", std::nullopt}});
  CHECK(parse_plans(R"({"format": 1, "plans": {}})").empty());
}

TEST_CASE("plan file: what is something else is refused with the fault", "[cuda]") {
  for (const char* text :
       {"", "[]", "{", R"({"plans": {}})", R"({"format": 2, "plans": {}})",
        R"({"format": 1, "plans": {"a": {}}})", R"({"format": 1, "plans": {"a": 3}})",
        R"({"format": 1, "plans": {"a": {"engine": "x", "knobs": [], "microseconds": 1}}})",
        R"({"format": 1, "plans": {"a": {"engine": 1, "knobs": [[1]], "microseconds": 1}}})",
        // What would be no whole number of 64 bits, and bytes that are no text.
        R"({"format": 1e30, "plans": {}})", R"({"format": 1.5, "plans": {}})",
        R"({"format": 1, "plans": {"a": {"engine": 1e30, "knobs": [], "microseconds": 1}}})",
        R"({"format": 1, "plans": {"a": {"engine": 1, "knobs": [[1, 184467440737095516161]],
            "microseconds": 1}}})",
        "{\"for\xaa"}) {
    CAPTURE(text);
    const Caught error = caught([&] { parse_plans(text); });
    CHECK(error.kind == static_cast<int>(ErrorKind::data));
    CHECK((error.text.size() > 5 && error.text.find('\xaa') == std::string::npos));
  }
}

TEST_CASE("plan file: a convolution's name tells it from every other", "[cuda]") {
  const ConvShape shape{64, 128, 96, 8, 32, 7, 2, 3, DType::bf16};
  CHECK(text_of(ConvPass::forward, shape) ==
        "forward bf16 64x128x96x8 to 32, window 7, stride 2, padding 3");
  std::set<std::string> names;
  for (const ConvPass pass :
       {ConvPass::forward, ConvPass::backward_data, ConvPass::backward_weights})
    names.insert(text_of(pass, shape));
  for (std::int64_t ConvShape::*member :
       {&ConvShape::images, &ConvShape::height, &ConvShape::width, &ConvShape::in, &ConvShape::out,
        &ConvShape::kernel, &ConvShape::stride, &ConvShape::padding}) {
    ConvShape other = shape;
    other.*member += 1;
    names.insert(text_of(ConvPass::forward, other));
  }
  ConvShape other = shape;
  other.type = DType::f32;
  names.insert(text_of(ConvPass::forward, other));
  CHECK(names.size() == 3 + 8 + 1);
}

TEST_CASE("plan file: what one run stores the next finds, and two runs do not undo each other",
          "[cuda]") {
  const test::TempFolder folder;
  const std::string path = folder / "deep/er/card.json";
  {
    PlanFile one(path), two(path);
    CHECK_FALSE(one.find("a"));
    one.store("a", kSome);
    two.store("b", kOther);
    one.store("c", std::nullopt);
    CHECK(known(one, "a") == kSome);
  }
  PlanFile next(path);
  CHECK(known(next, "a") == kSome);
  CHECK(known(next, "b") == kOther);
  CHECK_FALSE(known(next, "c"));  // no engine takes it, which is not nothing
  next.store("a", kOther);
  CHECK(known(PlanFile(path), "a") == kOther);
}

TEST_CASE("plan file: what another run keeps from being written is written with the next",
          "[cuda]") {
  const test::TempFolder folder;
  const std::string path = folder / "card.json";
  PlanFile file(path);
  {
    AtomicFile other(path);
    const std::string theirs = text_of({{"theirs", kOther}});
    other.write(theirs.data(), theirs.size());
    file.store("a", kSome);
    other.commit();
  }
  file.store("b", std::nullopt);
  const KnownPlans all{{"theirs", kOther}, {"a", kSome}, {"b", std::nullopt}};
  CHECK(parse_plans(test::read_bytes(path)) == all);
}

TEST_CASE("plan file: the last that another run kept from being written is written at the end",
          "[cuda]") {
  const test::TempFolder folder;
  const std::string path = folder / "card.json";
  {
    PlanFile file(path);
    const AtomicFile other(path);  // ends before `file` does
    file.store("a", kSome);
    CHECK_FALSE(std::filesystem::exists(path));
  }
  CHECK(known(PlanFile(path), "a") == kSome);
}

// Else what is written in between would be lost.
TEST_CASE("plan file: what others wrote is read once nobody else may write", "[cuda]") {
  const test::TempFolder folder;
  const std::string path = folder / "card.json";
  PlanFile file(path);
  test::write_bytes(path, text_of({{"theirs", kOther}}));
  {
    const AtomicFile other(path);
    file.store("a", kSome);
    CHECK_FALSE(file.find("theirs"));
  }
  file.store("b", kSome);
  CHECK(known(file, "theirs") == kOther);
}

TEST_CASE("plan file: a broken file, a folder that cannot be, and no file", "[cuda]") {
  const test::TempFolder folder;
  const std::string broken = folder / "broken.json";
  test::write_bytes(broken, "{\"format\": 1, \"pla");
  PlanFile file(broken);
  CHECK_FALSE(file.find("a"));
  file.store("a", kSome);
  CHECK(known(PlanFile(broken), "a") == kSome);

  PlanFile nowhere(broken + "/below/a/file.json");
  nowhere.store("a", kSome);
  CHECK(known(nowhere, "a") == kSome);

  PlanFile none("");
  none.store("a", kSome);
  CHECK(known(none, "a") == kSome);
}

TEST_CASE("plan file: it lies in the user's cache under the card's name", "[cuda]") {
  const auto with = [](const char* cache, const char* home) {
    const test::EnvironmentVariable cache_home("XDG_CACHE_HOME", cache), user_home("HOME", home);
    return plan_file_path("NVIDIA RTX/4090 (x)", 91900);
  };
  CHECK(with("/c", "/h") == "/c/peclr/NVIDIA_RTX_4090__x_-cudnn91900.json");
  CHECK(with(nullptr, "/h") == "/h/.cache/peclr/NVIDIA_RTX_4090__x_-cudnn91900.json");
  CHECK(with("", "/h") == "/h/.cache/peclr/NVIDIA_RTX_4090__x_-cudnn91900.json");
  CHECK(with(nullptr, nullptr).empty());
}

}  // namespace
}  // namespace peclr::cuda
