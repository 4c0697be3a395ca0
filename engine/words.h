// SPDX-License-Identifier: Apache-2.0
// The words that stand for the values of an enum, in one table: a program reads and prints by it.
#pragma once
#include <iterator>
#include <optional>
#include <string_view>

namespace peclr {

template <class Value>
struct Word {
  Value value;
  const char* text;
};

// "?" for a value that is not in the table.
template <class Value, std::size_t kCount>
constexpr const char* word_for(const Word<Value> (&words)[kCount], Value value) {
  for (const Word<Value>& word : words)
    if (word.value == value) return word.text;
  return "?";
}

template <class Value, std::size_t kCount>
constexpr std::optional<Value> value_for(const Word<Value> (&words)[kCount],
                                         std::string_view text) {
  for (const Word<Value>& word : words)
    if (text == word.text) return word.value;
  return std::nullopt;
}

// The table of an enum that has one: a specialisation, an array, beside the enum.
template <class Enum>
inline constexpr bool kWords = false;

template <class Enum>
concept Spelt = requires {
  std::size(kWords<Enum>);
};

template <Spelt Enum>
constexpr const char* name_of(Enum value) {
  return word_for(kWords<Enum>, value);
}

template <Spelt Enum>
constexpr std::optional<Enum> value_of(std::string_view word) {
  return value_for(kWords<Enum>, word);
}

}  // namespace peclr
