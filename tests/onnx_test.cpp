// SPDX-License-Identifier: Apache-2.0
// The ONNX writer against ONNX's own library, byte by byte; and what is refused.
#include "engine/onnx.h"

#include <catch2/catch.hpp>

#include "tests/support/files.h"
#include "tests/support/places.h"
#include "tests/support/refusals.h"

namespace peclr {
namespace {

using namespace test;
using Ints = std::vector<std::int64_t>;

// The graph of tests/onnx/small.py.
OnnxGraph small(float alpha) {
  OnnxGraph graph("small");
  const std::string images = graph.input("images", {OnnxGraph::kBatch, 1, 300, 4});
  const std::string weight = graph.constant({2, 1, 1, 1}, std::vector{1.5f, -2.f});
  const std::string bias = graph.constant({2}, std::vector{0.f, 1e-30f});
  std::string x = graph.node("Conv", {images, weight, bias},
                             {{"kernel_shape", Ints{1, 1}}, {"strides", Ints{2, 2}}});
  x = graph.node("LeakyRelu", {x}, {{"alpha", alpha}});
  x = graph.node("Reshape", {x, graph.constant(Ints{-1, 600})});
  x = graph.node("Softmax", {x}, {{"axis", std::int64_t{-1}}});
  graph.output("shares", x, {OnnxGraph::kBatch, 600});
  return graph;
}

TEST_CASE("onnx: the same bytes as ONNX's library writes") {
  if (!has_sources()) return;
  const std::string want = read_bytes(in_project("tests/onnx/small.onnx"));
  REQUIRE(want.size() > 500);
  const TempFolder folder;
  const Metadata metadata{{"a", "1"}, {"peclr.depth", "18"}};
  small(0.25f).write(folder / "x", metadata);
  CHECK(read_bytes(folder / "x") == want);
  small(0.2500001f).write(folder / "x", metadata);
  CHECK(read_bytes(folder / "x") != want);
}

TEST_CASE("onnx: a constant has as many values as its shape says") {
  OnnxGraph graph("g");
  const std::vector<float> values(5);
  CHECK_THROWS_WITH(graph.constant({2, 3}, values),
                    Catch::Contains("[2, 3]") && Catch::Contains("5 values"));
}

TEST_CASE("onnx: export writes what a file holds, and refuses what it cannot write") {
  const TempFolder folder;
  const std::string network = hand_network(folder), file = folder / "hand.onnx";
  const ProgramResult hand = run_peclr({"export", "--init-from", network, "--out", file});
  INFO(described(hand));
  REQUIRE(hand.exit_code == 0);
  CHECK(hand.says("images, camera -> xyz, uv"));
  const std::string bytes = read_bytes(file);
  for (const char* part : {"peclr.depth", "peclr.xyz", "hand_network18", "LeakyRelu"})
    CHECK(bytes.find(part) != std::string::npos);

  // The same bytes again, from the run's folder.
  const std::string run = std::filesystem::path(network).parent_path();
  REQUIRE(run_peclr({"export", "out=" + run, "--out", folder / "again"}).exit_code == 0);
  CHECK(read_bytes(folder / "again") == bytes);

  refused({"export", "--init-from", folder / "none", "--out", file}, kData, {folder / "none"});
  refused({"export", "out=" + (folder / "empty"), "--out", file}, kUsage, {"no weights"});
  refused({"export", "--init-from", network, "--out", folder / "no/hand.onnx"}, kFailure,
          {folder / "no/hand.onnx"});
  refused({"export", "--init-from", network}, kUsage, {"--out"});
  CHECK(read_bytes(file) == bytes);
}

TEST_CASE("onnx: pre-trained weights become an encoder") {
  const TempFolder folder;
  const std::string set = pictures(folder, "set", 3), out = folder / "run";
  REQUIRE(run_peclr(pretrain(set, out)).exit_code == 0);
  const ProgramResult result = run_peclr({"export", "out=" + out, "--out", folder / "e.onnx"});
  INFO(described(result));
  CHECK(result.exit_code == 0);
  CHECK(result.says("images -> features"));
  CHECK(read_bytes(folder / "e.onnx").find("GlobalAveragePool") != std::string::npos);
}

}  // namespace
}  // namespace peclr
