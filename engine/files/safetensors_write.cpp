// SPDX-License-Identifier: Apache-2.0
// Writing safetensors: the values go from their owners to the file in one pass, after one pass for
// the checksum.
#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

#include "engine/error.h"
#include "engine/files/atomic_file.h"
#include "engine/files/safetensors.h"
#include "engine/files/safetensors_header.h"
#include "engine/text.h"

namespace peclr {
namespace {

void check_entry(const StoredTensor& tensor) {
  check(!tensor.name.empty() && tensor.name != kMetadataName && is_clean_utf8(tensor.name),
        "write_safetensors: the name {} is not allowed", shown(tensor.name));
  std::int64_t count = 1;
  for (std::int64_t d : tensor.shape) count *= d;
  check(count >= 0 && static_cast<std::size_t>(count) * size_of(tensor.type) == tensor.bytes.size(),
        "write_safetensors: tensor {} of shape {} and type {} comes with {} bytes",
        shown(tensor.name), text_of(tensor.shape), name_of(tensor.type), tensor.bytes.size());
}

void check_names(std::span<const StoredTensor> tensors) {
  std::set<std::string_view> names;
  for (const StoredTensor& tensor : tensors)
    check(names.insert(tensor.name).second, "write_safetensors: tensor {} comes twice",
          shown(tensor.name));
}

// Larger elements first, then by name: everything is aligned, and the order in which a program
// lists them is forgotten.
std::vector<const StoredTensor*> in_file_order(std::span<const StoredTensor> tensors) {
  std::vector<const StoredTensor*> order;
  for (const StoredTensor& tensor : tensors) order.push_back(&tensor);
  const auto key = [](const StoredTensor* t) {
    return std::tuple(-static_cast<int>(size_of(t->type)), std::string_view(t->name));
  };
  std::sort(order.begin(), order.end(), [&](auto* a, auto* b) { return key(a) < key(b); });
  return order;
}

std::string json_text(std::string_view text) {
  check(is_clean_utf8(text), "write_safetensors: {} is not UTF-8 text", shown(text));
  return nlohmann::json(text).dump();
}

}  // namespace

std::string safetensors_prefix(std::span<const StoredTensor> tensors, const Metadata& metadata) {
  std::string json = fmt::format("{{\"{}\":{{", kMetadataName);
  const char* comma = "";
  for (const auto& [key, value] : metadata) {
    json += fmt::format("{}{}:{}", comma, json_text(key), json_text(value));
    comma = ",";
  }
  json += "}";
  std::size_t offset = 0;
  for (const StoredTensor* tensor : in_file_order(tensors)) {
    const std::size_t end = offset + tensor->bytes.size();
    json += fmt::format(",{}:{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{},{}]}}",
                        json_text(tensor->name), name_of(tensor->type), joined(tensor->shape, ","),
                        offset, end);
    offset = end;
  }
  json += "}";
  json.resize((json.size() + 7) / 8 * 8, ' ');
  check(json.size() <= kMaxHeaderBytes, "write_safetensors: the header would have {} bytes",
        json.size());
  const std::uint64_t length = json.size();
  std::string prefix(sizeof length, '\0');
  std::memcpy(prefix.data(), &length, sizeof length);
  return prefix + json;
}

void write_safetensors(const std::string& path, std::span<const StoredTensor> tensors,
                       Metadata metadata) {
  for (const StoredTensor& tensor : tensors) check_entry(tensor);
  check_names(tensors);
  metadata["format"] = "pt";
  metadata[kChecksumKey] = content_checksum(tensors, metadata);
  const std::string prefix = safetensors_prefix(tensors, metadata);
  AtomicFile file(path);
  file.write(prefix.data(), prefix.size());
  for (const StoredTensor* tensor : in_file_order(tensors))
    file.write(tensor->bytes.data(), tensor->bytes.size());
  file.commit();
}

}  // namespace peclr
