// SPDX-License-Identifier: Apache-2.0
// Element types of tensors.
#pragma once
#include <cstddef>
#include <cstdint>

#include "kernels/bf16.h"

namespace peclr {

enum class DType { f32, bf16, u8, i32 };

constexpr std::size_t size_of(DType type) {
  switch (type) {
    case DType::f32:
    case DType::i32:
      return 4;
    case DType::bf16:
      return 2;
    case DType::u8:
      return 1;
  }
  return 0;
}

constexpr const char* name_of(DType type) {
  switch (type) {
    case DType::f32:
      return "f32";
    case DType::bf16:
      return "bf16";
    case DType::u8:
      return "u8";
    case DType::i32:
      return "i32";
  }
  return "?";
}

// Of the types that tensors hold; others do not compile.
template <class T>
constexpr DType dtype_of = T::no_element_type_of_tensors;
template <>
inline constexpr DType dtype_of<float> = DType::f32;
template <>
inline constexpr DType dtype_of<bf16> = DType::bf16;
template <>
inline constexpr DType dtype_of<std::uint8_t> = DType::u8;
template <>
inline constexpr DType dtype_of<std::int32_t> = DType::i32;

}  // namespace peclr
