// SPDX-License-Identifier: Apache-2.0
// The zip form of PyTorch's checkpoints: what torch/_utils.py rebuilds tensors from, by the opcodes
// of pickle protocol 2 (Python's pickletools.py).
#include <cstring>
#include <limits>
#include <set>

#include "engine/error.h"
#include "engine/files/atomic_file.h"
#include "engine/files/pth.h"
#include "engine/files/pth_tensors.h"
#include "engine/files/zip_writer.h"
#include "engine/text.h"

namespace peclr {
namespace {

constexpr std::string_view kStart = "\x80\x02", kStop = ".";
constexpr std::string_view kOrderedDict = "ccollections\nOrderedDict\n)R";  // an empty one
constexpr std::string_view kRebuild = "ctorch._utils\n_rebuild_tensor_v2\n";
constexpr std::string_view kPersistent = "Q", kFalse = "\x89", kReduce = "R", kSetItems = "u";

std::string four_bytes(std::uint32_t value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

std::string text(std::string_view value) {
  check(is_clean_utf8(value), "write_pth: {} is not UTF-8 text", shown(value));
  return "X" + four_bytes(static_cast<std::uint32_t>(value.size())) + std::string(value);
}

std::string whole(std::int64_t value) {
  check(value >= 0 && value <= std::numeric_limits<std::int32_t>::max(),
        "write_pth: {} is too many", value);
  return "J" + four_bytes(static_cast<std::uint32_t>(value));
}

std::string tuple(const std::string& items) { return "(" + items + "t"; }

// The call that makes a tensor: its storage, offset, shape, strides, whether it has a gradient, and
// no hooks.
std::string tensor_call(const StoredTensor& tensor, const std::string& key) {
  const StorageClass* type = storage_class_of(tensor.type);
  check(type, "write_pth: tensor {} is of type {}", shown(tensor.name), name_of(tensor.type));
  std::string shape, strides;
  std::int64_t count = 1;
  for (const std::int64_t size : tensor.shape) shape += whole(size);
  for (std::size_t d = tensor.shape.size(); d-- > 0; count *= tensor.shape[d])
    strides = whole(count) + strides;
  check(count == tensor.count(), "write_pth: tensor {} of shape {} comes with {} values",
        shown(tensor.name), text_of(tensor.shape), tensor.count());
  const std::string storage = tuple(text("storage") + "c" + std::string(type->global) + "\n" +
                                    text(key) + text("cpu") + whole(count));
  return fmt::format("{}{}{}", kRebuild,
                     tuple(fmt::format("{}{}{}{}{}{}{}", storage, kPersistent, whole(0),
                                       tuple(shape), tuple(strides), kFalse, kOrderedDict)),
                     kReduce);
}

}  // namespace

void write_pth(const std::string& path, std::span<const StoredTensor> tensors) {
  std::set<std::string_view> names;
  std::string items;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    check(names.insert(tensors[i].name).second, "write_pth: tensor {} comes twice",
          shown(tensors[i].name));
    items += text(tensors[i].name) + tensor_call(tensors[i], std::to_string(i));
  }
  AtomicFile file(path);
  ZipWriter zip(file);
  zip.add("archive/data.pkl",
          fmt::format("{}{}({}{}{}", kStart, kOrderedDict, items, kSetItems, kStop));
  zip.add("archive/byteorder", "little");
  for (std::size_t i = 0; i < tensors.size(); ++i)
    zip.add(fmt::format("archive/data/{}", i), tensors[i].bytes);
  zip.add("archive/version", "3\n");
  zip.finish();
  file.commit();
}

}  // namespace peclr
