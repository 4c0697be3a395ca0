// SPDX-License-Identifier: Apache-2.0
// Checkpoints and goldens: Hugging Face's safetensors format (8 bytes of length, a JSON header,
// packed little-endian values). The reader trusts nothing; our own files also carry a checksum over
// names, shapes, metadata and values. PyTorch's .pth files are read too (engine/files/pth.h).
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace peclr {

class InputFile;

// Element types that a file may hold.
enum class StoredType { boolean, u8, i8, u16, i16, u32, i32, u64, i64, f16, bf16, f32, f64 };

std::size_t size_of(StoredType type);                      // bytes an element
const char* name_of(StoredType type);                      // as the format spells it: "F32"
std::string text_of(std::span<const std::int64_t> shape);  // "[2, 3]"

// One tensor of a file, read or to be written; `bytes` belongs to someone else.
struct StoredTensor {
  std::string name;
  StoredType type = StoredType::f32;
  std::vector<std::int64_t> shape;  // outermost first; empty: one value
  std::span<const std::byte> bytes;

  std::int64_t count() const { return static_cast<std::int64_t>(bytes.size() / size_of(type)); }
};

using Metadata = std::map<std::string, std::string>;

class TensorFile {
 public:
  // Reads and checks the whole file; its content tells the format. Throws Error(data), one line
  // with the file and the fault.
  // Memory follows the real size of the file, never a number that stands in it.
  explicit TensorFile(const std::string& path);

  const std::string& path() const { return path_; }
  const Metadata& metadata() const { return metadata_; }  // without the checksum
  // The metadata's value; throws Error(data) if there is none.
  const std::string& metadata_at(const std::string& key) const;
  // The same as a whole number; throws Error(data) if it is none in low..high.
  std::int64_t whole_at(const std::string& key, std::int64_t low, std::int64_t high) const;
  // False for files of other programs, which carry no checksum. (A wrong checksum is an error on
  // opening.)
  bool has_checksum() const { return has_checksum_; }

  std::span<const StoredTensor> tensors() const { return tensors_; }  // in the order of the header
  const StoredTensor* find(std::string_view name) const;              // nullptr if it is not there
  // Throws Error(data) if it is not there, or has another shape.
  const StoredTensor& at(std::string_view name) const;
  const StoredTensor& at(std::string_view name, std::span<const std::int64_t> shape) const;

  // The tensor's values as float, double or int64. Throws Error(data) if it is not there, holds
  // another number of values, or cannot be told as T (fractions as int64).
  template <class T>
  void copy(std::string_view name, std::span<T> out) const;
  template <class T>
  std::vector<T> values(std::string_view name) const {
    std::vector<T> out(static_cast<std::size_t>(at(name).count()));
    copy<T>(name, out);
    return out;
  }

 private:
  void read_safetensors(InputFile& file);
  void read_pytorch(InputFile& file);

  std::string path_;
  Metadata metadata_;
  std::vector<std::unique_ptr<std::byte[]>> blocks_;  // what the tensors' bytes lie in
  std::vector<StoredTensor> tensors_;
  std::map<std::string, std::size_t, std::less<>> index_;
  bool has_checksum_ = false;
};

// Writes beside, syncs and renames (engine/files/atomic_file.h). The same tensors and metadata give
// the same bytes, whatever their order. "format" (always "pt": other loaders insist on it) and the
// checksum are added to the metadata. Throws Error(failure) on a bug in the entries or when the
// disk refuses; the old file then stays, but for a folder that cannot be synced
// (AtomicFile::commit).
void write_safetensors(const std::string& path, std::span<const StoredTensor> tensors,
                       Metadata metadata = {});

// All that stands before the values: the length, and the header padded with spaces to a multiple
// of 8.
std::string safetensors_prefix(std::span<const StoredTensor> tensors, const Metadata& metadata);

}  // namespace peclr
