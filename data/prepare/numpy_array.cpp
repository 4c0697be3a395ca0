// SPDX-License-Identifier: Apache-2.0
// numpy/core/src/multiarray/methods.c: array_reduce, array_setstate; descriptor.c:
// arraydescr_reduce.
#include "data/prepare/numpy_array.h"

#include <cstring>

#include "engine/files/pickle_text.h"

namespace peclr {
namespace {

using Kind = PickleValue::Kind;

// The arguments and the state of a call of one of the module's functions, under its older name or
// its newer; null if it is none.
struct Made {
  const PickleValue *arguments = nullptr, *state = nullptr;
};
Made made_by(const PickleValue& value, std::string_view function, std::string_view newer = {}) {
  const bool is_it = value.kind == Kind::call && value.items.size() == 3 &&
                     (value.items[0]->is_name(function) || value.items[0]->is_name(newer)) &&
                     value.items[2]->kind == Kind::list;
  return is_it ? Made{value.items[1], value.items[2]} : Made{};
}

// dtype('f8', 0, 1) with the state (3, '<', ...): bytes of a value, or 0.
std::size_t float_bytes(const PickleValue& value) {
  const Made type = made_by(value, "numpy\ndtype");
  if (!type.state || type.arguments->items.empty() || type.state->items.size() < 2) return 0;
  const PickleValue &code = *type.arguments->items[0], &order = *type.state->items[1];
  if (code.kind != Kind::text || order.kind != Kind::text || order.text != "<") return 0;
  return code.text == "f8" ? 8 : code.text == "f4" ? 4 : 0;
}

// Bytes, or as protocols below 3 have those of Python 3, _codecs.encode(text, 'latin1').
std::optional<std::string> raw_bytes(const PickleValue& value) {
  if (value.kind == Kind::text) return std::string(value.text);
  const bool encoded = value.kind == Kind::call && value.items[0]->is_name("_codecs\nencode") &&
                       !value.items[1]->items.empty() &&
                       value.items[1]->items[0]->kind == Kind::text;
  return encoded ? latin1_bytes(value.items[1]->items[0]->text) : std::nullopt;
}

// Both sizes, 1 for one that is not there; nothing if there are not `count` values.
struct Sizes {
  std::size_t rows = 1, columns = 1;
};
std::optional<Sizes> sizes_of(const PickleValue& shape, std::size_t count) {
  if (shape.kind != Kind::list || shape.items.size() > 2) return std::nullopt;
  for (const PickleValue* size : shape.items)
    if (size->kind != Kind::whole || size->whole < 0 ||
        static_cast<std::uint64_t>(size->whole) > count)
      return std::nullopt;
  const auto size = [&](std::size_t axis) {
    return axis < shape.items.size() ? static_cast<std::size_t>(shape.items[axis]->whole) : 1;
  };
  const Sizes sizes{size(0), size(1)};
  const bool fits = sizes.rows == 0      ? count == 0
                    : count % sizes.rows ? false
                                         : count / sizes.rows == sizes.columns;
  return fits ? std::optional(sizes) : std::nullopt;
}

}  // namespace

bool makes_numpy_array(std::string_view global) {
  for (const std::string_view known :
       {"numpy.core.multiarray\n_reconstruct", "numpy._core.multiarray\n_reconstruct",
        "numpy.core.multiarray\nscalar", "numpy._core.multiarray\nscalar", "numpy\ndtype",
        "_codecs\nencode"})
    if (global == known) return true;
  return false;
}

std::optional<NumpyArray> numpy_array(const PickleValue& value) {
  const Made array =
      made_by(value, "numpy.core.multiarray\n_reconstruct", "numpy._core.multiarray\n_reconstruct");
  // (version, shape, dtype, whether columns lie one behind the other, bytes)
  if (!array.state || array.state->items.size() != 5) return std::nullopt;
  const auto& state = array.state->items;
  const std::size_t bytes = float_bytes(*state[2]);
  const std::optional<std::string> raw = raw_bytes(*state[4]);
  if (bytes == 0 || !raw || raw->size() % bytes != 0) return std::nullopt;
  const std::size_t count = raw->size() / bytes;
  const std::optional<Sizes> sizes = sizes_of(*state[1], count);
  if (!sizes) return std::nullopt;

  NumpyArray read;
  for (const PickleValue* size : state[1]->items) read.shape.push_back(size->whole);
  const bool by_columns = state[3]->whole != 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t row = i / sizes->columns, column = i % sizes->columns;
    const char* at = raw->data() + bytes * (by_columns ? column * sizes->rows + row : i);
    float single = 0;
    double number = 0;
    if (bytes == 4)
      std::memcpy(&single, at, bytes), number = single;
    else
      std::memcpy(&number, at, bytes);
    read.values.push_back(number);
  }
  return read;
}

}  // namespace peclr
