// SPDX-License-Identifier: Apache-2.0
// What all forms of PyTorch's checkpoints share: an object that names tensors, and storages that
// their values lie in.
#pragma once
#include <map>
#include <string>
#include <string_view>

#include "engine/files/byte_reader.h"
#include "engine/files/pickle.h"
#include "engine/files/pth.h"

namespace peclr {

// Functions whose calls stand in honest files: they make tensors, or values beside them.
bool may_stand_in_pth(std::string_view global);

// The class of a storage, "torch\nFloatStorage", and its elements.
struct StorageClass {
  std::string_view global;
  StoredType type;
};
const StorageClass* storage_class_of(std::string_view global);  // null: it is not read here
const StorageClass* storage_class_of(StoredType type);          // null: PyTorch has none

inline constexpr std::size_t kMaxPthRank = 16;  // dimensions of a tensor

// Fetches the bytes of a storage by its key.
class Storages {
 public:
  virtual ~Storages() = default;
  virtual std::span<const std::byte> bytes(const std::string& key) = 0;
};

// Those that lie in the file one behind the other. Throws Error(data) for one that is missing.
struct ListedStorages final : Storages {
  explicit ListedStorages(const std::string& file_name) : name(file_name) {}
  std::span<const std::byte> bytes(const std::string& key) override;
  // The next in the reader, a count of elements and the elements. Throws Error(data): cut off.
  void take(const std::string& key, ByteReader& reader, std::size_t element_bytes);

  const std::string& name;
  std::map<std::string, std::span<const std::byte>> known;
};

// The tensors of a state_dict into `contents`, as read_pth says.
void take_tensors(const Pickle& object, Storages& storages, const std::string& name,
                  PthContents& contents);

}  // namespace peclr
