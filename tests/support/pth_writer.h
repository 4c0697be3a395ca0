// SPDX-License-Identifier: Apache-2.0
// Writes PyTorch's checkpoints for tests, in all its forms, and lets each part be bent: the pickles
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

// A tar archive, each file behind a header of the kind that says its time.
std::string tar(const Files& files);
// PyTorch's first form. Keys are numbers: an address, in PyTorch.
std::string tar_pth(std::span<const StoredTensor> tensors);
// Its parts: a tensor's value; and what stands for a storage and for a tensor in the files of them.
std::string tar_value(std::int64_t key);
std::string tar_storage(std::int64_t key, std::int64_t elements, const std::string& bytes,
                        std::string_view type = "FloatStorage");
std::string tar_tensor(std::int64_t key, std::int64_t storage, std::span<const std::int64_t> shape,
                       std::span<const std::int64_t> strides, std::int64_t offset = 0);
// The file of `count` storages and what views of them there are, as a list's items.
std::string tar_storages(std::int64_t count, const std::string& storages,
                         const std::string& views = "");
std::string tar_pth(const std::string& value, const std::string& storages,
                    const std::string& tensors, std::int64_t count);

}  // namespace peclr::test
