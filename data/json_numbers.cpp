// SPDX-License-Identifier: Apache-2.0
#include "data/json_numbers.h"

#include <array>
#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <utility>

#include "engine/error.h"
#include "engine/files/file.h"
#include "engine/text.h"

namespace peclr {
namespace {

constexpr std::size_t kMaxFileBytes = std::size_t{2} << 30;
constexpr std::size_t kMaxRank = 4;

// Receives the parser's events; throws at the first one that does not fit the shape.
class NumberReader {
 public:
  NumberReader(std::string_view text, const std::string& name, std::span<const std::size_t> shape,
               std::size_t first_byte)
      : text_(text), name_(name), shape_(shape), first_byte_(first_byte) {
    check(shape.size() < kMaxRank, "read_json_numbers: items of rank {}", shape.size());
  }
  std::vector<float> take() { return std::move(values_); }

  bool number_integer(std::int64_t value) { return number(static_cast<double>(value)); }
  bool number_unsigned(std::uint64_t value) { return number(static_cast<double>(value)); }
  bool number_float(double value, const std::string&) { return number(value); }
  bool null() { return refuse_value("null"); }
  bool boolean(bool) { return refuse_value("true or false"); }
  bool string(std::string&) { return refuse_value("a string"); }
  bool binary(std::vector<std::uint8_t>&) { return refuse_value("binary data"); }
  bool start_object(std::size_t) { return refuse_value("an object"); }
  bool key(std::string&) { return true; }
  bool end_object() { return true; }

  bool start_array(std::size_t) {
    count_value();
    if (depth_ > shape_.size()) refuse("an array");
    counts_[depth_++] = 0;
    return true;
  }

  bool end_array() {
    const std::size_t level = --depth_;
    if (level > 0 && counts_[level] != shape_[level - 1]) {
      fail(ErrorKind::data, "{}: {} has {} values instead of {}; mend it", name_, place(),
           counts_[level], shape_[level - 1]);
    }
    return true;
  }

  template <class Exception>
  bool parse_error(std::size_t position, const std::string& token, const Exception& error) {
    // The parser has not counted the value that it stumbled over.
    if (depth_ > 0) ++counts_[depth_ - 1];
    if (error.id == 406) refuse("a number too large");
    const bool in_string = token.find('"') != std::string::npos;
    if (!in_string && (token.ends_with('N') || token.ends_with('I'))) refuse("NaN or Infinity");
    if (position > text_.size()) {
      fail(ErrorKind::data, "{}: the file is cut at {} ({} bytes); fetch or write it again", name_,
           place(), first_byte_ + text_.size());
    }
    fail(ErrorKind::data, "{}: not valid JSON at byte {}, {}; fetch or write it again", name_,
         first_byte_ + position, place());
  }

 private:
  bool number(double value) {
    count_value();
    if (depth_ != shape_.size() + 1) refuse("a number");
    const auto narrow = static_cast<float>(value);
    if (!std::isfinite(narrow)) refuse("a number too large");
    values_.push_back(narrow);
    return true;
  }

  // Called for each value inside an array, before it is looked at.
  void count_value() {
    if (depth_ == 0) return;
    const std::size_t level = depth_ - 1;
    ++counts_[level];
    if (level > 0 && counts_[level] > shape_[level - 1]) {
      --depth_;
      fail(ErrorKind::data, "{}: {} has more than {} values; mend it", name_, place(),
           shape_[level - 1]);
    }
  }

  [[noreturn]] bool refuse_value(const char* what) {
    count_value();
    refuse(what);
  }

  [[noreturn]] bool refuse(const char* what) {
    fail(ErrorKind::data, "{}: {} where {} belongs, at {}; mend it", name_, what, wanted(),
         place());
  }

  const char* wanted() const {
    return depth_ == shape_.size() + 1 ? "a finite number" : "an array of numbers";
  }

  // Of the value last counted at the present depth, e.g. "entry 17, [4][2]".
  std::string place() const {
    if (depth_ == 0) return "its start";
    std::string text = fmt::format("entry {}", counts_[0] - (counts_[0] > 0));
    for (std::size_t level = 1; level < depth_; ++level) {
      text += fmt::format("{}[{}]", level == 1 ? ", " : "", counts_[level] - (counts_[level] > 0));
    }
    return text;
  }

  std::string_view text_;
  const std::string& name_;
  std::span<const std::size_t> shape_;
  std::size_t first_byte_;
  std::array<std::size_t, kMaxRank + 1> counts_{};  // values begun in the open array of each level
  std::size_t depth_ = 0;                           // open arrays
  std::vector<float> values_;
};

}  // namespace

std::vector<float> parse_json_numbers(std::string_view text, const std::string& name,
                                      std::span<const std::size_t> item_shape,
                                      std::size_t first_byte) {
  if (text.empty()) fail(ErrorKind::data, "{}: the file is empty; fetch or write it again", name);
  NumberReader reader(text, name, item_shape, first_byte);
  nlohmann::json::sax_parse(text.data(), text.data() + text.size(), &reader);
  return reader.take();
}

std::vector<float> read_json_numbers(const std::filesystem::path& path,
                                     std::span<const std::size_t> item_shape) {
  const std::string text = read_text_file(path.string(), ErrorKind::data, kMaxFileBytes);
  return parse_json_numbers(text, printable(path.string()), item_shape);
}

}  // namespace peclr
