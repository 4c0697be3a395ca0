// SPDX-License-Identifier: Apache-2.0
// Arrays of numpy's in Python pickles, as numpy's __reduce__ puts them there.
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/files/pickle.h"

namespace peclr {

struct NumpyArray {
  std::vector<std::int64_t> shape;  // at most two sizes
  std::vector<double> values;       // row after row
};

// The calls that an array is made of, for read_pickle.
bool makes_numpy_array(std::string_view global);

// Nothing for anything but an array of little-endian f32 or f64 that holds as many values as it
// says.
std::optional<NumpyArray> numpy_array(const PickleValue& value);

}  // namespace peclr
