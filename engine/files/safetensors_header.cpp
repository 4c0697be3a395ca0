// SPDX-License-Identifier: Apache-2.0
#include "engine/files/safetensors_header.h"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>

#include "engine/error.h"
#include "engine/files/checksum.h"
#include "engine/text.h"

namespace peclr {
namespace {

struct TypeInfo {
  StoredType type;
  const char* name;
  std::size_t bytes;
};
constexpr TypeInfo kTypes[] = {
    {StoredType::boolean, "BOOL", 1}, {StoredType::u8, "U8", 1},     {StoredType::i8, "I8", 1},
    {StoredType::u16, "U16", 2},      {StoredType::i16, "I16", 2},   {StoredType::u32, "U32", 4},
    {StoredType::i32, "I32", 4},      {StoredType::u64, "U64", 8},   {StoredType::i64, "I64", 8},
    {StoredType::f16, "F16", 2},      {StoredType::bf16, "BF16", 2}, {StoredType::f32, "F32", 4},
    {StoredType::f64, "F64", 8},
};
const TypeInfo& info(StoredType type) {
  return *std::find_if(std::begin(kTypes), std::end(kTypes),
                       [&](auto& t) { return t.type == type; });
}

// A header of millions of empty tensors costs memory and tells nothing; ResNet-152 with all its
// state has a few thousand.
constexpr std::size_t kMaxTensors = 100'000;
constexpr std::size_t kMaxRank = 16;
constexpr std::size_t kMaxNameBytes = 1024;

// nlohmann's event interface: it keeps its own stack, and the first thing out of place ends the
// parse.
class HeaderReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit HeaderReader(const std::string& path) : path_(path) {}
  TensorHeader take() { return std::move(header_); }

  bool start_object(std::size_t) override {
    if (place_ == Place::start) return go(Place::top);
    if (place_ == Place::top) {
      const bool metadata = name_ == kMetadataName;
      if (!metadata) {
        if (header_.tensors.size() >= kMaxTensors) refuse("more than {} tensors", kMaxTensors);
        header_.tensors.emplace_back().name = name_;
        seen_fields_ = 0;
      }
      return go(metadata ? Place::metadata : Place::tensor);
    }
    unexpected("an object");
  }
  bool key(string_t& key) override {
    if (place_ == Place::top) {
      if (key.empty() || key.size() > kMaxNameBytes || !is_clean_utf8(key))
        refuse("the tensor name {} is not allowed", shown(key));
      if (!names_.insert(key).second) refuse("the name {} stands in the header twice", shown(key));
      name_ = key;
    } else if (place_ == Place::metadata) {
      if (header_.metadata.count(key)) refuse("metadata {} stands in the header twice", shown(key));
      metadata_key_ = key;
    } else {
      field_ = key == "dtype" ? 1 : key == "shape" ? 2 : key == "data_offsets" ? 4 : 0;
      if (!field_) refuse("tensor {}: unknown field {}", shown(name_), shown(key));
      if (seen_fields_ & field_) refuse("tensor {}: {} stands there twice", shown(name_), key);
      seen_fields_ |= field_;
    }
    return true;
  }
  bool end_object() override {
    if (place_ == Place::tensor && seen_fields_ != 7)
      refuse("tensor {}: dtype, shape or data_offsets is missing", shown(name_));
    return go(place_ == Place::top ? Place::end : Place::top);
  }
  bool start_array(std::size_t) override {
    if (place_ != Place::tensor || field_ == 1) unexpected("an array");
    numbers_.clear();
    return go(Place::numbers);
  }
  bool end_array() override {
    HeaderTensor& tensor = header_.tensors.back();
    if (field_ == 2) {
      tensor.shape.assign(numbers_.begin(), numbers_.end());
    } else {
      if (numbers_.size() != 2) refuse("tensor {}: data_offsets needs two numbers", shown(name_));
      tensor.begin = numbers_[0], tensor.end = numbers_[1];
    }
    return go(Place::tensor);
  }
  bool string(string_t& text) override {
    if (place_ == Place::metadata) {
      header_.metadata[metadata_key_] = text;
    } else if (place_ == Place::tensor && field_ == 1) {
      const auto* found = std::find_if(std::begin(kTypes), std::end(kTypes),
                                       [&](auto& t) { return text == t.name; });
      if (found == std::end(kTypes))
        refuse("tensor {}: dtype {} is not one that is read here", shown(name_), shown(text));
      header_.tensors.back().type = found->type;
    } else {
      unexpected("a string");
    }
    return true;
  }
  bool number_unsigned(number_unsigned_t value) override {
    if (place_ != Place::numbers) unexpected("a number");
    if (value > static_cast<number_unsigned_t>(INT64_MAX)) unexpected("a number beyond 2^63");
    if (numbers_.size() >= kMaxRank)
      refuse("tensor {}: more than {} dimensions", shown(name_), kMaxRank);
    numbers_.push_back(value);
    return true;
  }
  bool number_integer(number_integer_t) override { unexpected("a negative number"); }
  bool number_float(number_float_t, const string_t&) override {
    unexpected("a fraction or a number too large");
  }
  bool boolean(bool) override { unexpected("true or false"); }
  bool null() override { unexpected("null"); }
  bool binary(binary_t&) override { unexpected("binary data"); }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::json::exception&) override {
    refuse("the header is not valid JSON at byte {}", position);
  }

 private:
  enum class Place { start, top, metadata, tensor, numbers, end };

  bool go(Place next) {
    place_ = next;
    return true;
  }
  template <class... Args>
  [[noreturn]] void refuse(fmt::format_string<Args...> text, Args&&... args) const {
    fail(ErrorKind::data, "{}: {}; use another copy of the file", printable(path_),
         fmt::format(text, std::forward<Args>(args)...));
  }
  [[noreturn]] void unexpected(const char* what) const {
    refuse("the header has {} out of place, near {}", what, shown(name_));
  }

  const std::string& path_;
  TensorHeader header_;
  std::set<std::string, std::less<>> names_;
  Place place_ = Place::start;
  std::string name_, metadata_key_;
  unsigned field_ = 0, seen_fields_ = 0;
  std::vector<std::uint64_t> numbers_;
};

void check_sizes(const TensorHeader& header, const std::string& path) {
  for (const HeaderTensor& tensor : header.tensors) {
    std::int64_t bytes = static_cast<std::int64_t>(size_of(tensor.type));
    bool fits = true;
    for (std::int64_t d : tensor.shape) fits = fits && !__builtin_mul_overflow(bytes, d, &bytes);
    if (!fits || tensor.end < tensor.begin ||
        tensor.end - tensor.begin != static_cast<std::uint64_t>(bytes))
      fail(ErrorKind::data,
           "{}: tensor {}: shape {} of {} does not fit its bytes {} to {}; use another copy of the "
           "file",
           printable(path), shown(tensor.name), text_of(tensor.shape), name_of(tensor.type),
           tensor.begin, tensor.end);
  }
}

// No hole and no overlap: nothing can hide in a file between two tensors.
void check_cover(const TensorHeader& header, std::uint64_t payload_bytes, const std::string& path) {
  std::vector<const HeaderTensor*> order;
  for (const HeaderTensor& tensor : header.tensors) order.push_back(&tensor);
  std::sort(order.begin(), order.end(), [](auto* a, auto* b) {
    return std::pair(a->begin, a->end) < std::pair(b->begin, b->end);
  });
  std::uint64_t covered = 0;
  for (const HeaderTensor* tensor : order) {
    if (tensor->begin != covered)
      fail(
          ErrorKind::data,
          "{}: tensor {} begins at byte {}, but {} was expected ({}); use another copy of the file",
          printable(path), shown(tensor->name), tensor->begin, covered,
          tensor->begin < covered ? "an overlap" : "a hole");
    covered = tensor->end;
  }
  if (covered > payload_bytes)
    fail(ErrorKind::data, "{}: cut off: {} bytes of values are missing; copy or save it again",
         printable(path), covered - payload_bytes);
  if (covered < payload_bytes)
    fail(ErrorKind::data, "{}: {} bytes follow the last tensor; use another copy of the file",
         printable(path), payload_bytes - covered);
}

}  // namespace

std::size_t size_of(StoredType type) { return info(type).bytes; }
const char* name_of(StoredType type) { return info(type).name; }

std::string text_of(std::span<const std::int64_t> shape) {
  return fmt::format("[{}]", joined(shape, ", "));
}

TensorHeader parse_tensor_header(std::string_view json, std::uint64_t payload_bytes,
                                 const std::string& path) {
  if (json.empty() || json.front() != '{')
    fail(ErrorKind::data,
         "{}: not a safetensors file: its header does not start with a brace; check the path",
         printable(path));
  // The parser would take a NUL for the end and leave what follows unread.
  if (!is_clean_utf8(json))
    fail(ErrorKind::data, "{}: the header is not UTF-8 text; use another copy of the file",
         printable(path));
  while (json.back() == ' ') json.remove_suffix(1);
  if (json.back() != '}')
    fail(ErrorKind::data, "{}: the header does not end with a brace; use another copy of the file",
         printable(path));
  HeaderReader reader(path);
  nlohmann::json::sax_parse(json.begin(), json.end(), &reader);
  TensorHeader header = reader.take();
  check_sizes(header, path);
  check_cover(header, payload_bytes, path);
  return header;
}

std::string content_checksum(std::span<const StoredTensor> tensors, const Metadata& metadata) {
  std::uint64_t sum = 0;
  const auto add_text = [&](std::string_view text) {
    sum = checksum64(text.data(), text.size(), sum);
  };
  for (const auto& [key, value] : metadata) {
    if (key == kChecksumKey) continue;
    add_text(key);
    add_text(value);
  }
  std::vector<const StoredTensor*> by_name;
  for (const StoredTensor& tensor : tensors) by_name.push_back(&tensor);
  std::sort(by_name.begin(), by_name.end(), [](auto* a, auto* b) { return a->name < b->name; });
  for (const StoredTensor* tensor : by_name) {
    add_text(tensor->name);
    add_text(name_of(tensor->type));
    sum = checksum64(tensor->shape.data(), tensor->shape.size() * sizeof(std::int64_t), sum);
    sum = checksum64(tensor->bytes.data(), tensor->bytes.size(), sum);
  }
  return fmt::format("{:016x}", sum);
}

}  // namespace peclr
