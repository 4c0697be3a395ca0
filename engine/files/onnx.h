// SPDX-License-Identifier: Apache-2.0
// Writing ONNX files: a graph of nodes over named values in protobuf's wire format. Opset 10 and IR
// 5: old enough for every runtime. Field numbers are those of onnx.proto.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/files/safetensors.h"

namespace peclr {

struct OnnxAttribute {
  std::string name;
  std::variant<std::int64_t, float, std::vector<std::int64_t>> value;
};

class OnnxGraph {
 public:
  using Dims = std::vector<std::int64_t>;
  static constexpr std::int64_t kBatch = -1;  // in Dims: as many as the caller gives

  explicit OnnxGraph(std::string name) : name_(std::move(name)) {}

  // What comes back is the name of a value; constants' and nodes' are made up.
  std::string input(std::string_view name, const Dims& dims);  // f32
  std::string constant(const Dims& dims, std::span<const float> values);
  std::string constant(std::span<const std::int64_t> values);  // [n]
  std::string node(std::string_view op, const std::vector<std::string>& inputs,
                   const std::vector<OnnxAttribute>& attributes = {});
  void output(std::string_view name, const std::string& value, const Dims& dims);  // f32

  // Writes beside, syncs and renames. Throws Error(failure) where the disk refuses, and for a graph
  // of 2 GiB or more, which protobuf does not take.
  void write(const std::string& path, const Metadata& metadata) const;

 private:
  std::string next_name(std::string_view what);

  std::string name_;
  std::int64_t names_ = 0;
  std::string nodes_, inputs_, outputs_;  // fields of GraphProto, encoded
  std::vector<std::string> initializers_;
};

}  // namespace peclr
