// SPDX-License-Identifier: Apache-2.0
// Plain structs between host and device, where Backend copies floats: the bits of the one are
// handed over as the other, and nobody calculates with them on the way.
#pragma once
#include <array>
#include <bit>
#include <cstring>
#include <span>
#include <type_traits>
#include <vector>

#include "engine/backend.h"

namespace peclr::gpu {

// Device memory for `count` of T that stays from step to step, contents undefined.
template <class T>
Tensor lasting_records(Backend& memory, std::size_t count) {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) % sizeof(float) == 0);
  return Tensor::lasting(memory, {static_cast<std::int64_t>(count * sizeof(T) / sizeof(float))},
                         DType::f32);
}

template <class T>
T* records_in(const Tensor& t) {
  return reinterpret_cast<T*>(t.data<float>());
}

template <class T>
void upload(std::span<const T> values, const Tensor& to) {
  std::vector<float> bits(values.size_bytes() / sizeof(float));
  std::memcpy(bits.data(), values.data(), values.size_bytes());
  to.copy_from_host(bits);
}
// One, without memory of the host for it.
template <class T>
void upload(const T& value, const Tensor& to) {
  to.copy_from_host(std::bit_cast<std::array<float, sizeof(T) / sizeof(float)>>(value));
}

}  // namespace peclr::gpu
