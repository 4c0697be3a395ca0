// SPDX-License-Identifier: Apache-2.0
// Values of any plain type in a device's memory, with bytes around them that no kernel may touch.
#pragma once
#include <catch2/catch.hpp>
#include <cstring>
#include <vector>

#include "engine/backend.h"
#include "tests/simt/orders.h"
#include "tests/support/values.h"

namespace peclr::test {

// `offset` values in front of the first put it off a 16-byte boundary.
template <class T>
class Guarded {
 public:
  Guarded(Backend& backend, const std::vector<T>& values, int offset = 0)
      : count_(values.size()), first_(kGuard + static_cast<std::size_t>(offset) * sizeof(T)) {
    std::vector<unsigned char> bytes(first_ + count_ * sizeof(T) + kGuard, kMark);
    bytes.resize((bytes.size() + 3) / 4 * 4, kMark);
    if (count_ > 0) std::memcpy(bytes.data() + first_, values.data(), count_ * sizeof(T));
    std::vector<float> words(bytes.size() / 4);
    std::memcpy(words.data(), bytes.data(), bytes.size());
    words_ = Tensor::from_host(backend, {static_cast<std::int64_t>(words.size())}, words);
  }
  Guarded(Backend& backend, std::size_t count, int offset = 0)
      : Guarded(backend, std::vector<T>(count), offset) {}

  T* data() const {
    return reinterpret_cast<T*>(reinterpret_cast<unsigned char*>(words_.data<float>()) + first_);
  }

  // Back on the host; fails the test where a byte around them has changed.
  std::vector<T> values() const {
    const std::vector<float> words = words_.to_host();
    std::vector<unsigned char> bytes(words.size() * 4);
    std::memcpy(bytes.data(), words.data(), bytes.size());
    bool untouched = true;
    for (std::size_t i = 0; i < bytes.size(); ++i)
      if (i < first_ || i >= first_ + count_ * sizeof(T)) untouched &= bytes[i] == kMark;
    CHECK(untouched);
    std::vector<T> values(count_);
    if (count_ > 0) std::memcpy(values.data(), bytes.data() + first_, count_ * sizeof(T));
    return values;
  }

 private:
  static constexpr std::size_t kGuard = 64;
  static constexpr unsigned char kMark = 0x5A;
  std::size_t count_, first_;
  Tensor words_;
};

// Doubles as f32 or bf16, and back.
template <class T>
std::vector<T> stored(const Doubles& values) {
  std::vector<T> out(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) store(out[i], static_cast<float>(values[i]));
  return out;
}
template <class T>
Doubles doubles(const std::vector<T>& values) {
  Doubles out(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) out[i] = to_float(values[i]);
  return out;
}

// What run() gives, the same bits under each order of threads and blocks.
template <class F>
auto in_every_order(F run) {
  std::vector<decltype(run())> results;
  for_each_order([&] { results.push_back(run()); });
  for (const auto& result : results) {
    REQUIRE(result.size() == results[0].size());
    CHECK(std::memcmp(result.data(), results[0].data(), result.size() * sizeof(result[0])) == 0);
  }
  return results[0];
}

}  // namespace peclr::test
