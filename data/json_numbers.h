// SPDX-License-Identifier: Apache-2.0
// Labels as data sets store them: one JSON array of equal, nested arrays of numbers. Read in one
// pass, straight into floats, without ever building a document: fast, and no depth of nesting can
// exhaust the stack.
#pragma once
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace peclr {

// The numbers of a file that is one top-level array of items of exactly `item_shape` ({} a plain
// number, {3, 3}, {21, 3}), flattened row-major: [items, item_shape...]. Throws Error(data) that
// names the file and the place, e.g. "entry 17, [4][2]": another shape, anything that is no finite
// number (also NaN and Infinity as Python writes them, null, numbers beyond a float), a file that
// is cut or goes on after its end.
std::vector<float> read_json_numbers(const std::filesystem::path& path,
                                     std::span<const std::size_t> item_shape);

// The same for text in memory; `name` stands for the file in messages, which counts bytes from
// `first_byte` where the text is a part of it.
std::vector<float> parse_json_numbers(std::string_view text, const std::string& name,
                                      std::span<const std::size_t> item_shape,
                                      std::size_t first_byte = 0);

}  // namespace peclr
