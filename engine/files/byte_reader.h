// SPDX-License-Identifier: Apache-2.0
// Walks over bytes that nobody vouches for: little-endian numbers and pieces, never past the end.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

namespace peclr {

class ByteReader {
 public:
  using Bytes = std::span<const std::byte>;

  explicit ByteReader(Bytes bytes, std::size_t at = 0)
      : bytes_(bytes), at_(at < bytes.size() ? at : bytes.size()) {}

  std::size_t at() const { return at_; }
  std::size_t left() const { return bytes_.size() - at_; }
  // Whether something was asked for that is not there; all that came out since is empty or 0.
  bool ran_out() const { return ran_out_; }

  Bytes take(std::uint64_t count) {
    if (ran_out_ || count > left()) {
      ran_out_ = true;
      at_ = bytes_.size();  // loops that ask for what is left end
      return {};
    }
    at_ += static_cast<std::size_t>(count);
    return bytes_.subspan(at_ - static_cast<std::size_t>(count), static_cast<std::size_t>(count));
  }
  template <class T>
  T number() {
    static_assert(std::is_arithmetic_v<T>);
    const Bytes from = take(sizeof(T));
    T value{};
    if (!from.empty()) std::memcpy(&value, from.data(), sizeof(T));
    return value;
  }
  std::string_view text(std::uint64_t count) { return text_of_bytes(take(count)); }
  // Up to the next line break, which is passed over.
  std::string_view line() {
    const std::string_view rest = text_of_bytes(bytes_.subspan(at_));
    const std::size_t end = rest.find('\n');
    const std::string_view found = text(end == rest.npos ? rest.size() + 1 : end + 1);
    return found.substr(0, found.empty() ? 0 : found.size() - 1);
  }

 private:
  static std::string_view text_of_bytes(Bytes bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  Bytes bytes_;
  std::size_t at_;
  bool ran_out_ = false;
};

}  // namespace peclr
