// SPDX-License-Identifier: Apache-2.0
#include "engine/files/onnx.h"

#include <bit>

#include "engine/error.h"
#include "engine/files/atomic_file.h"
#include "engine/text.h"

namespace peclr {
namespace {

static_assert(std::endian::native == std::endian::little, "raw_data is little-endian");

constexpr std::int64_t kIrVersion = 5, kOpset = 10;
enum class DataType { f32 = 1, i64 = 7 };             // of TensorProto
enum class AttributeType { f = 1, i = 2, ints = 7 };  // of AttributeProto
enum class Wire { varint = 0, bytes = 2, fixed32 = 5 };

std::string varint(std::uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  return out + static_cast<char>(value);
}
std::string tag(int field, Wire wire) {
  return varint(static_cast<std::uint64_t>(field) << 3 | static_cast<std::uint64_t>(wire));
}
std::string number(int field, std::int64_t value) {
  return tag(field, Wire::varint) + varint(static_cast<std::uint64_t>(value));
}
// A string, or a message within another.
std::string bytes(int field, std::string_view content) {
  return tag(field, Wire::bytes) + varint(content.size()) + std::string(content);
}
std::string pair(int key_field, std::string_view key, int value_field, std::string_view value) {
  return bytes(key_field, key) + bytes(value_field, value);
}

// TensorProto: dims 1, data_type 2, name 8, raw_data 9.
template <class T>
std::string tensor(std::string_view name, DataType type, const OnnxGraph::Dims& dims,
                   std::span<const T> values) {
  std::string out;
  std::int64_t count = 1;
  for (const std::int64_t d : dims) out += number(1, d), count *= d;
  check(count == std::ssize(values), "OnnxGraph: a constant {} of {} values", text_of(dims),
        values.size());
  out += number(2, static_cast<std::int64_t>(type)) + bytes(8, name);
  const std::string_view raw(reinterpret_cast<const char*>(values.data()), values.size_bytes());
  return out + bytes(9, raw);
}

// ValueInfoProto: name 1, type 2; TypeProto: tensor_type 1; its elem_type 1, shape 2; TensorShape:
// dim 1; its dim_value 1 or dim_param 2.
std::string value_info(std::string_view name, const OnnxGraph::Dims& dims) {
  std::string shape;
  for (const std::int64_t d : dims)
    shape += bytes(1, d == OnnxGraph::kBatch ? bytes(2, "batch") : number(1, d));
  const std::string tensor_type =
      number(1, static_cast<std::int64_t>(DataType::f32)) + bytes(2, shape);
  return bytes(1, name) + bytes(2, bytes(1, tensor_type));
}

// AttributeProto: name 1, f 2, i 3, ints 8, type 20.
struct EncodeValue {
  std::string operator()(std::int64_t i) const { return number(3, i) + type(AttributeType::i); }
  std::string operator()(float f) const {
    std::string out = tag(2, Wire::fixed32);
    out.append(reinterpret_cast<const char*>(&f), sizeof f);
    return out + type(AttributeType::f);
  }
  std::string operator()(const std::vector<std::int64_t>& ints) const {
    std::string out;
    for (const std::int64_t i : ints) out += number(8, i);
    return out + type(AttributeType::ints);
  }
  static std::string type(AttributeType t) { return number(20, static_cast<std::int64_t>(t)); }
};

}  // namespace

std::string OnnxGraph::next_name(std::string_view what) {
  return fmt::format("{}_{}", what, ++names_);
}

std::string OnnxGraph::input(std::string_view name, const Dims& dims) {
  inputs_ += bytes(11, value_info(name, dims));
  return std::string(name);
}

std::string OnnxGraph::constant(const Dims& dims, std::span<const float> values) {
  std::string name = next_name("constant");
  initializers_.push_back(tensor(name, DataType::f32, dims, values));
  return name;
}

std::string OnnxGraph::constant(std::span<const std::int64_t> values) {
  std::string name = next_name("constant");
  initializers_.push_back(tensor(name, DataType::i64, {std::ssize(values)}, values));
  return name;
}

// NodeProto: input 1, output 2, name 3, op_type 4, attribute 5.
std::string OnnxGraph::node(std::string_view op, const std::vector<std::string>& inputs,
                            const std::vector<OnnxAttribute>& attributes) {
  std::string name = next_name(op), out;
  for (const std::string& value : inputs) out += bytes(1, value);
  out += bytes(2, name) + bytes(3, name) + bytes(4, op);
  for (const OnnxAttribute& a : attributes)
    out += bytes(5, bytes(1, a.name) + std::visit(EncodeValue{}, a.value));
  nodes_ += bytes(1, out);
  return name;
}

void OnnxGraph::output(std::string_view name, const std::string& value, const Dims& dims) {
  nodes_ += bytes(1, bytes(1, value) + pair(2, name, 3, name) + bytes(4, "Identity"));
  outputs_ += bytes(12, value_info(name, dims));
}

// ModelProto: ir_version 1, producer_name 2, graph 7, opset_import 8, metadata_props 14.
// GraphProto: node 1, name 2, initializer 5, input 11, output 12. In the order of the numbers, as
// protobuf's own writers do it.
void OnnxGraph::write(const std::string& path, const Metadata& metadata) const {
  const std::string before = nodes_ + bytes(2, name_), after = inputs_ + outputs_;
  const auto head = [](const std::string& constant) {
    return tag(5, Wire::bytes) + varint(constant.size());
  };
  std::uint64_t size = before.size() + after.size();
  for (const std::string& constant : initializers_) size += head(constant).size() + constant.size();
  std::string end = after + bytes(8, bytes(1, "") + number(2, kOpset));  // of the default domain
  for (const auto& [key, value] : metadata) end += bytes(14, pair(1, key, 2, value));
  constexpr std::uint64_t kMaxBytes = (std::uint64_t{1} << 31) - 1;
  check(size + end.size() < kMaxBytes, "OnnxGraph: {} bytes are too many for a file", size);

  AtomicFile file(path);
  const auto put = [&](const std::string& text) { file.write(text.data(), text.size()); };
  put(number(1, kIrVersion) + bytes(2, "peclr") + tag(7, Wire::bytes) + varint(size) + before);
  for (const std::string& constant : initializers_) {
    put(head(constant));
    put(constant);
  }
  put(end);
  file.commit();
}

}  // namespace peclr
