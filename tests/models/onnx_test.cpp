// SPDX-License-Identifier: Apache-2.0
// The ONNX writer against ONNX's own library, byte by byte; and what is refused.
#include "engine/files/onnx.h"

#include <catch2/catch.hpp>

#include "engine/files/safetensors.h"
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

// An entry of the metadata as it stands in the file.
std::string entry(const std::string& key, const std::string& value) {
  const auto field = [](char tag, const std::string& text) {
    return tag + std::string(1, static_cast<char>(text.size())) + text;
  };
  return field('\x0A', key) + field('\x12', value);
}

TEST_CASE("onnx: export writes what the weights' file says, and refuses what it cannot write") {
  const TempFolder folder;
  const std::string network = hand_network(folder), file = folder / "hand.onnx";
  const ProgramResult hand = run_peclr({"export", network, "--out", file});
  INFO(described(hand));
  REQUIRE(hand.exit_code == 0);
  CHECK(hand.says("images [batch, 3, 32, 32], camera -> xyz, uv; crop: picture, border: black"));
  const std::string bytes = read_bytes(file);
  for (const std::string& part :
       {std::string("hand_network18"), entry("peclr.depth", "18"), entry("peclr.input", "32"),
        entry("peclr.crop", "picture"), entry("peclr.border", "black")})
    CHECK(bytes.find(part) != std::string::npos);
  CHECK(bytes.find("peclr.holdout") == std::string::npos);

  // What another network's file says.
  const TensorFile stored(network);
  Metadata metadata = stored.metadata();
  metadata["peclr.crop"] = "hand";
  metadata["peclr.border"] = "reflect";
  metadata["peclr.holdout"] = "0.1";
  write_safetensors(folder / "other.safetensors", stored.tensors(), metadata);
  REQUIRE(run_peclr({"export", folder / "other.safetensors", "--out", folder / "o"}).exit_code ==
          0);
  for (const std::string& part : {entry("peclr.crop", "hand"), entry("peclr.border", "reflect"),
                                  entry("peclr.holdout", "0.1")})
    CHECK(read_bytes(folder / "o").find(part) != std::string::npos);

  const std::string weights = read_bytes(network);
  refused({"export", network, "--out", network}, kUsage, {network, "overwrite the weights"});
  CHECK(read_bytes(network) == weights);
  refused({"export", network, "--out", file, "--input", "64"}, kUsage,
          {network, "pictures of 32 px, not 64"});
  refused({"export", network, "--out", file, "--input", "7"}, kUsage, {"model.input", "32 to"});
  refused({"export", folder / "none", "--out", file}, kData, {folder / "none"});
  refused({"export", network, "--out", folder / "no/hand.onnx"}, kFailure,
          {folder / "no/hand.onnx"});
  refused({"export", network}, kUsage, {"--out"});
  // Without its last layer.
  std::vector<StoredTensor> fewer(stored.tensors().begin(), stored.tensors().end());
  std::erase_if(fewer, [](const StoredTensor& t) { return t.name.starts_with("zroot_ref.6."); });
  write_safetensors(folder / "fewer.safetensors", fewer, stored.metadata());
  refused({"export", folder / "fewer.safetensors", "--out", file}, kData,
          {"fewer.safetensors", "2 tensors are missing"});
  CHECK(read_bytes(file) == bytes);
}

TEST_CASE("onnx: pre-trained weights become an encoder") {
  const TempFolder folder;
  const std::string set = pictures(folder, "set", 3), out = folder / "run";
  REQUIRE(run_peclr(pretrain(set, out)).exit_code == 0);
  const ProgramResult result =
      run_peclr({"export", out + "/model.safetensors", "--out", folder / "e.onnx"});
  INFO(described(result));
  CHECK(result.exit_code == 0);
  CHECK(result.says("images [batch, 3, 32, 32] -> features [batch, 512]"));
  const std::string bytes = read_bytes(folder / "e.onnx");
  CHECK(bytes.find("GlobalAveragePool") != std::string::npos);
  CHECK(bytes.find(entry("peclr.pretraining", "peclr")) != std::string::npos);
}

}  // namespace
}  // namespace peclr
