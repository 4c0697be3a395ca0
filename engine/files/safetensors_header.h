// SPDX-License-Identifier: Apache-2.0
// The JSON header of a safetensors file, read strictly and without recursion; shared by the reader
// and its tests.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/files/safetensors.h"

namespace peclr {

inline constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // the format's own limit
inline constexpr const char* kMetadataName = "__metadata__";
inline constexpr const char* kChecksumKey = "peclr.checksum";

struct HeaderTensor {
  std::string name;
  StoredType type = StoredType::f32;
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0, end = 0;  // bytes, from the end of the header
};

struct TensorHeader {
  Metadata metadata;
  std::vector<HeaderTensor> tensors;  // as they stand in the file
};

// Checks all that can be known without the values: JSON, unique names, known types, byte counts
// that fit the shapes, and tensors that fill `payload_bytes` without hole or overlap. Throws
// Error(data) beginning with the path.
TensorHeader parse_tensor_header(std::string_view json, std::uint64_t payload_bytes,
                                 const std::string& path);

// 16 hexadecimal digits over metadata (but for the checksum's own key), names, types, shapes and
// values.
std::string content_checksum(std::span<const StoredTensor> tensors, const Metadata& metadata);

}  // namespace peclr
