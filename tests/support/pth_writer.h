// SPDX-License-Identifier: Apache-2.0
// Writes PyTorch's checkpoints for tests, in both forms, and lets each part be bent: the pickles
// are put together opcode by opcode.
#pragma once
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "engine/files/safetensors.h"

namespace peclr::test {

// Opcodes with their operands.
namespace op {
inline const std::string kStart = "\x80\x02", kStop = ".", kMark = "(", kTuple = "t", kDict = "}",
                         kEmptyTuple = ")", kReduce = "R", kSetItems = "u", kSetItem = "s",
                         kNone = "N", kFalse = "\x89", kList = "]", kAppends = "e",
                         kPersistent = "Q";
std::string text(std::string_view value);
std::string number(std::int64_t value);  // the shortest
std::string global(std::string_view module, std::string_view name);
std::string tuple(const std::string& items);  // of any number of items
std::string put(std::uint8_t slot);
std::string get(std::uint8_t slot);
}  // namespace op

struct TensorText {
  std::string type = "FloatStorage", key = "0";
  std::int64_t elements = 0, offset = 0;
  std::vector<std::int64_t> shape, strides;
  bool legacy = false;  // a sixth field in the storage's id: none, or the view below
  std::optional<std::int64_t> view_first;  // element of the storage that a view of it begins at
};
std::string tensor_text(const TensorText& tensor);  // the call that makes it
std::vector<std::int64_t> dense_strides(std::span<const std::int64_t> shape);

// Whole pickle of a value's text.
std::string pickle(const std::string& value);
// The value's text of a state_dict; `items` are keys and values in turn.
std::string ordered_dict(const std::string& items);

using Files = std::vector<std::pair<std::string, std::string>>;  // names and contents
// zip64: as PyTorch has it for large files.
enum class Packing { stored, deflated, stored_zip64, deflated_zip64 };
std::string zip(const Files& files, Packing packing = Packing::stored);

// What torch.save(OrderedDict of the tensors) writes. Storage i belongs to tensor i.
std::string zip_pth(std::span<const StoredTensor> tensors, Packing packing = Packing::stored);
std::string legacy_pth(std::span<const StoredTensor> tensors);
// The same from a value's text and storages; the count of elements stands before each.
std::string legacy_pth(const std::string& value, const std::string& keys,
                       const std::string& storages);

}  // namespace peclr::test
