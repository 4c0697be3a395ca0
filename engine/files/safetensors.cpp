// SPDX-License-Identifier: Apache-2.0
#include "engine/files/safetensors.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <iterator>
#include <limits>
#include <type_traits>

#include "engine/error.h"
#include "engine/files/file.h"
#include "engine/files/pth.h"
#include "engine/files/safetensors_header.h"
#include "engine/text.h"
#include "kernels/bf16.h"

namespace peclr {
namespace {

static_assert(std::endian::native == std::endian::little, "the format is little-endian");

struct Half {
  std::uint16_t bits;
};

// IEEE 754 binary16; exact.
float to_float(Half half) {
  const std::uint32_t sign = (half.bits & 0x8000u) << 16;
  const std::uint32_t exponent = (half.bits >> 10) & 31u, fraction = half.bits & 1023u;
  if (exponent == 0) {
    const float tiny = static_cast<float>(fraction) * 0x1p-24f;
    return sign ? -tiny : tiny;
  }
  const std::uint32_t wide = exponent == 31 ? 255u : exponent + 112u;
  return std::bit_cast<float>(sign | wide << 23 | fraction << 13);
}

template <class T, class From>
bool convert_all(std::span<const std::byte> bytes, T* out) {
  for (std::size_t i = 0; i < bytes.size() / sizeof(From); ++i) {
    From value;  // other programs' tensors need not be aligned
    std::memcpy(&value, bytes.data() + i * sizeof(From), sizeof(From));
    if constexpr (std::is_same_v<From, Half> || std::is_same_v<From, bf16>) {
      if constexpr (std::is_integral_v<T>)
        return false;
      else
        out[i] = static_cast<T>(to_float(value));
    } else if constexpr (std::is_integral_v<T> && std::is_floating_point_v<From>) {
      return false;
    } else {
      if constexpr (std::is_integral_v<T> && std::is_same_v<From, std::uint64_t>)
        if (value > static_cast<std::uint64_t>(std::numeric_limits<T>::max())) return false;
      out[i] = static_cast<T>(value);
    }
  }
  return true;
}

template <class T>
bool convert(const StoredTensor& tensor, T* out) {
  switch (tensor.type) {
    case StoredType::boolean:
    case StoredType::u8:
      return convert_all<T, std::uint8_t>(tensor.bytes, out);
    case StoredType::i8:
      return convert_all<T, std::int8_t>(tensor.bytes, out);
    case StoredType::u16:
      return convert_all<T, std::uint16_t>(tensor.bytes, out);
    case StoredType::i16:
      return convert_all<T, std::int16_t>(tensor.bytes, out);
    case StoredType::u32:
      return convert_all<T, std::uint32_t>(tensor.bytes, out);
    case StoredType::i32:
      return convert_all<T, std::int32_t>(tensor.bytes, out);
    case StoredType::u64:
      return convert_all<T, std::uint64_t>(tensor.bytes, out);
    case StoredType::i64:
      return convert_all<T, std::int64_t>(tensor.bytes, out);
    case StoredType::f16:
      return convert_all<T, Half>(tensor.bytes, out);
    case StoredType::bf16:
      return convert_all<T, bf16>(tensor.bytes, out);
    case StoredType::f32:
      return convert_all<T, float>(tensor.bytes, out);
    case StoredType::f64:
      return convert_all<T, double>(tensor.bytes, out);
  }
  return false;
}

}  // namespace

TensorFile::TensorFile(const std::string& path) : path_(path) {
  InputFile file(path, ErrorKind::data);
  if (file.size() < sizeof(std::uint64_t))
    fail(ErrorKind::data,
         "{}: neither a safetensors nor a PyTorch file: it has only {} bytes; use another copy",
         printable(path), file.size());
  std::vector<std::byte> first(std::min<std::uint64_t>(file.size(), kPthStart));
  file.read(first.data(), first.size());
  file.rewind();
  if (looks_like_pth(first))
    read_pytorch(file);
  else
    read_safetensors(file);
  for (std::size_t i = 0; i < tensors_.size(); ++i) index_.emplace(tensors_[i].name, i);
}

void TensorFile::read_pytorch(InputFile& file) {
  const auto size = static_cast<std::size_t>(file.size());
  std::byte* const bytes =
      blocks_.emplace_back(std::make_unique_for_overwrite<std::byte[]>(size)).get();
  file.read(bytes, size);
  PthContents contents = read_pth({bytes, size}, printable(path_));
  tensors_ = std::move(contents.tensors);
  std::move(contents.blocks.begin(), contents.blocks.end(), std::back_inserter(blocks_));
}

void TensorFile::read_safetensors(InputFile& file) {
  std::uint64_t header_bytes = 0;
  file.read(&header_bytes, sizeof header_bytes);
  if (header_bytes > kMaxHeaderBytes || header_bytes > file.size() - sizeof header_bytes)
    fail(ErrorKind::data,
         "{}: cut off, or neither a safetensors nor a PyTorch file (its header claims {} bytes); "
         "use another copy",
         printable(path_), header_bytes);
  std::string json(header_bytes, '\0');
  file.read(json.data(), json.size());
  const std::uint64_t payload_bytes = file.size() - sizeof header_bytes - header_bytes;
  TensorHeader header = parse_tensor_header(json, payload_bytes, path_);

  std::byte* const payload =
      blocks_.emplace_back(std::make_unique_for_overwrite<std::byte[]>(payload_bytes)).get();
  file.read(payload, payload_bytes);
  metadata_ = std::move(header.metadata);
  for (HeaderTensor& tensor : header.tensors)
    tensors_.push_back({std::move(tensor.name),
                        tensor.type,
                        std::move(tensor.shape),
                        {payload + tensor.begin, tensor.end - tensor.begin}});
  if (auto stored = metadata_.extract(kChecksumKey)) {
    has_checksum_ = true;
    if (stored.mapped() != content_checksum(tensors_, metadata_))
      fail(ErrorKind::data, "{}: damaged: its checksum does not fit its contents; use another copy",
           printable(path_));
  }
}

const std::string& TensorFile::metadata_at(const std::string& key) const {
  const auto found = metadata_.find(key);
  if (found == metadata_.end())
    fail(ErrorKind::data, "{}: has no metadata {}; use another file", printable(path_), shown(key));
  return found->second;
}

std::int64_t TensorFile::whole_at(const std::string& key, std::int64_t low,
                                  std::int64_t high) const {
  const std::string& text = metadata_at(key);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < low || value > high)
    fail(ErrorKind::data, "{}: its {} is {}, not a whole number from {} to {}; use another file",
         printable(path_), shown(key), shown(text), low, high);
  return value;
}

const StoredTensor* TensorFile::find(std::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &tensors_[found->second];
}

const StoredTensor& TensorFile::at(std::string_view name) const {
  const StoredTensor* tensor = find(name);
  if (!tensor)
    fail(ErrorKind::data, "{}: has no tensor {}; use another file", printable(path_), shown(name));
  return *tensor;
}

const StoredTensor& TensorFile::at(std::string_view name,
                                   std::span<const std::int64_t> shape) const {
  const StoredTensor& tensor = at(name);
  if (!std::equal(shape.begin(), shape.end(), tensor.shape.begin(), tensor.shape.end()))
    fail(ErrorKind::data, "{}: tensor {} has shape {}; {} is needed", printable(path_), shown(name),
         text_of(tensor.shape), text_of(shape));
  return tensor;
}

template <class T>
void TensorFile::copy(std::string_view name, std::span<T> out) const {
  const StoredTensor& tensor = at(name);
  if (tensor.count() != static_cast<std::int64_t>(out.size()))
    fail(ErrorKind::data, "{}: tensor {} has {} values; {} are needed", printable(path_),
         shown(name), tensor.count(), out.size());
  if (!convert(tensor, out.data()))
    fail(ErrorKind::data, "{}: tensor {} of {} cannot be read as whole numbers", printable(path_),
         shown(name), name_of(tensor.type));
}

template void TensorFile::copy(std::string_view, std::span<float>) const;
template void TensorFile::copy(std::string_view, std::span<double>) const;
template void TensorFile::copy(std::string_view, std::span<std::int64_t>) const;

}  // namespace peclr
