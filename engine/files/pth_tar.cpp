// SPDX-License-Identifier: Apache-2.0
// The archive's files, as torch/serialization.py (legacy_load) reads them; (...) is a pickle:
// - sys_info: ({little_endian: ..., ...})
// - storages: (count), and for each (key, place, class), its count of elements, the elements; then
//   ([(key of a view, key of its storage, first element, elements), ...])
// - tensors: (count), and for each (key, key of its storage, class), dimensions, sizes, strides,
//   offset, of 64 bits each, but for the dimensions: 32, and 32 that say nothing
// - pickle: (the object), in which a tensor is a persistent id, its key in digits
#include "engine/files/pth_tar.h"

#include <algorithm>
#include <map>
#include <optional>

#include "engine/error.h"
#include "engine/files/byte_reader.h"
#include "engine/files/pickle_text.h"
#include "engine/files/pth_tensors.h"
#include "engine/files/tar.h"
#include "engine/text.h"

namespace peclr {
namespace {

using Bytes = std::span<const std::byte>;
using Kind = PickleValue::Kind;
using Items = std::vector<const PickleValue*>;

constexpr std::size_t kMaxEntryBytes = 4096;  // of the pickle before a storage or tensor
constexpr std::size_t kMaxTensors = 100'000;

// A storage, or a part of one that others take for a whole.
struct Part {
  std::string root;
  const StorageClass* type;
  std::int64_t first, elements;
};

class TarReader {
 public:
  TarReader(TarFiles files, const std::string& name)
      : files_(std::move(files)), name_(name), storages_(name) {}

  void take(PthContents& contents) {
    if (const auto info = files_.find("sys_info"); info != files_.end()) {
      const Pickle pickle = read_pickle(info->second, name_, may_stand_in_pth);
      const PickleValue* little = pickle.root->at("little_endian");
      if (little && little->whole == 0)
        fail(ErrorKind::data, "{}: is big-endian; save it on a little-endian machine", name_);
    }
    list_storages(file("storages"));
    object_ = read_pickle(file("pickle"), name_, may_stand_in_pth);
    const std::size_t values = object_.values.size();
    list_tensors(file("tensors"));
    for (std::size_t i = 0; i < values; ++i) name_tensor(object_.values[i]);
    take_tensors(object_, storages_, name_, contents);
  }

 private:
  template <class... Args>
  [[noreturn]] void refuse(fmt::format_string<Args...> text, Args&&... args) const {
    fail(ErrorKind::data, "{}: {}; use another copy of the file", name_,
         fmt::format(text, std::forward<Args>(args)...));
  }
  [[noreturn]] void damaged(const char* list) const { refuse("its list of {} is damaged", list); }

  Bytes file(std::string_view entry) const {
    const auto found = files_.find(entry);
    if (found == files_.end())
      fail(ErrorKind::data,
           "{}: a tar archive, but not one of PyTorch; give a .pth or safetensors file", name_);
    return found->second;
  }

  Pickle next(Bytes& rest, std::size_t most) const {
    Pickle pickle = read_pickle(rest.first(std::min(most, rest.size())), name_, may_stand_in_pth);
    rest = rest.subspan(pickle.bytes);
    return pickle;
  }
  std::int64_t next_count(Bytes& rest, const char* list) const {
    const Pickle pickle = next(rest, kMaxEntryBytes);
    return whole(*pickle.root, list);
  }
  std::int64_t whole(const PickleValue& value, const char* list) const {
    if (value.kind != Kind::whole || value.whole < 0) damaged(list);
    return value.whole;
  }
  const Items& tuple(const PickleValue& value, std::size_t items, const char* list) const {
    if (value.kind != Kind::list || value.items.size() != items) damaged(list);
    return value.items;
  }

  void list_storages(Bytes rest) {
    constexpr const char* kList = "storages";
    for (std::int64_t left = next_count(rest, kList); left > 0; --left) {
      const Pickle entry = next(rest, kMaxEntryBytes);
      const Items& items = tuple(*entry.root, 3, kList);
      const std::string key = std::to_string(whole(*items[0], kList));
      const StorageClass* type =
          items[2]->kind == Kind::name ? storage_class_of(items[2]->text) : nullptr;
      if (!type) refuse("storage {} is of a type that is not read here", shown(key));
      ByteReader reader(rest);
      storages_.take(key, reader, size_of(type->type));
      rest = rest.subspan(reader.at());
      const auto elements = storages_.known[key].size() / size_of(type->type);
      add_part(items[0]->whole, {key, type, 0, static_cast<std::int64_t>(elements)});
    }
    const Pickle views = next(rest, rest.size());
    if (views.root->kind != Kind::list) damaged(kList);
    for (const PickleValue* view : views.root->items) {
      const Items& items = tuple(*view, 4, kList);
      const auto root = parts_.find(whole(*items[1], kList));
      const std::int64_t first = whole(*items[2], kList), elements = whole(*items[3], kList);
      if (root == parts_.end() || first > root->second.elements ||
          elements > root->second.elements - first)
        damaged(kList);
      Part part = root->second;
      part.first += first;
      part.elements = elements;
      add_part(whole(*items[0], kList), part);
    }
  }
  void add_part(std::int64_t key, const Part& part) {
    if (!parts_.emplace(key, part).second) damaged("storages");
  }

  void list_tensors(Bytes rest) {
    constexpr const char* kList = "tensors";
    for (std::int64_t left = next_count(rest, kList); left > 0; --left) {
      const Pickle entry = next(rest, kMaxEntryBytes);
      const Items& items = tuple(*entry.root, 3, kList);
      const std::int64_t key = whole(*items[0], kList);
      const auto part = parts_.find(items[1]->kind == Kind::whole ? items[1]->whole : -1);
      if (part == parts_.end()) refuse("tensor {} has no storage that is read here", key);
      ByteReader reader(rest);
      const auto rank = reader.number<std::uint32_t>();
      reader.take(4);
      if (rank > kMaxPthRank) refuse("tensor {} has more than {} dimensions", key, kMaxPthRank);
      const PickleValue *sizes = wholes(reader, rank), *strides = wholes(reader, rank),
                        *offset = whole(reader.number<std::int64_t>());
      if (reader.ran_out()) refuse("cut off in tensor {}", key);
      rest = rest.subspan(reader.at());
      const Items call{global("torch._utils\n_rebuild_tensor"),
                       list({storage(part->second), offset, sizes, strides})};
      if (tensors_.size() >= kMaxTensors || !tensors_.emplace(key, call).second) damaged(kList);
    }
  }

  // Values as the later forms have them, so that what follows is the same for all.
  PickleValue& make(Kind kind) {
    PickleValue& value = object_.values.emplace_back();
    value.kind = kind;
    return value;
  }
  const PickleValue* whole(std::int64_t number) {
    PickleValue& value = make(Kind::whole);
    value.whole = number;
    return &value;
  }
  const PickleValue* global(std::string_view text) {
    PickleValue& value = make(Kind::name);
    value.text = text;
    return &value;
  }
  const PickleValue* text(std::string_view text) {
    PickleValue& value = make(Kind::text);
    value.text = text;
    return &value;
  }
  const PickleValue* list(Items items) {
    PickleValue& value = make(Kind::list);
    value.items = std::move(items);
    return &value;
  }
  const PickleValue* wholes(ByteReader& reader, std::size_t count) {
    Items items;
    for (std::size_t i = 0; i < count; ++i) items.push_back(whole(reader.number<std::int64_t>()));
    return list(std::move(items));
  }
  const PickleValue* storage(const Part& part) {
    PickleValue& stored = make(Kind::stored);
    const PickleValue* elements = whole(part.first + part.elements);
    const PickleValue* view = list({whole(0), whole(part.first), whole(part.elements)});
    stored.items = {list({text("storage"), global(part.type->global), text(part.root), text("cpu"),
                          elements, view})};
    return &stored;
  }

  void name_tensor(PickleValue& value) const {
    if (value.kind != Kind::stored || value.items[0]->kind != Kind::text) return;
    const std::optional<std::int64_t> key = pickled_whole(value.items[0]->text);
    if (key && parts_.contains(*key)) return;  // a storage beside the tensors
    const auto found = tensors_.find(key.value_or(-1));
    if (found == tensors_.end()) refuse("tensor {} is missing", shown(value.items[0]->text));
    value.kind = Kind::call;
    value.items = found->second;
  }

  TarFiles files_;
  const std::string& name_;
  ListedStorages storages_;
  std::map<std::int64_t, Part> parts_;     // by key
  std::map<std::int64_t, Items> tensors_;  // what a call that makes it consists of
  Pickle object_;
};

}  // namespace

void read_tar_pth(Bytes file, const std::string& name, PthContents& contents) {
  TarReader(tar_files(file, name), name).take(contents);
}

}  // namespace peclr
