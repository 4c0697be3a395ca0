// SPDX-License-Identifier: Apache-2.0
#include "engine/files/pth_tensors.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <set>

#include "engine/error.h"
#include "engine/text.h"

namespace peclr {
namespace {

using Bytes = std::span<const std::byte>;
using Kind = PickleValue::Kind;

constexpr std::size_t kMaxNameBytes = 1024;

constexpr StorageClass kStorages[] = {
    {"torch\nFloatStorage", StoredType::f32}, {"torch\nDoubleStorage", StoredType::f64},
    {"torch\nHalfStorage", StoredType::f16},  {"torch\nBFloat16Storage", StoredType::bf16},
    {"torch\nLongStorage", StoredType::i64},  {"torch\nIntStorage", StoredType::i32},
    {"torch\nShortStorage", StoredType::i16}, {"torch\nCharStorage", StoredType::i8},
    {"torch\nByteStorage", StoredType::u8},   {"torch\nBoolStorage", StoredType::boolean}};

// Where a tensor's values lie.
struct Storage {
  StoredType type;
  Bytes bytes;
  std::int64_t first;  // element of `bytes` that a view of it begins at; old files only
};

class Extractor {
 public:
  Extractor(Storages& storages, const std::string& name, PthContents& contents)
      : storages_(storages), name_(name), contents_(contents) {}

  void take_all(const Pickle& pickle) {
    if (const PickleValue* tensor = tensor_call(*pickle.root))
      return take("tensor", *tensor->items[1]);
    const PickleValue& state = state_dict(*pickle.root);
    std::set<std::string_view> names;
    for (std::size_t i = 0; i < state.items.size(); i += 2) {
      const PickleValue &key = *state.items[i], &value = *state.items[i + 1];
      const PickleValue* tensor = tensor_call(value);
      if (key.kind != Kind::text || !tensor) continue;
      if (key.text.empty() || key.text.size() > kMaxNameBytes || !is_clean_utf8(key.text))
        refuse("the tensor name {} is not allowed", shown(key.text));
      if (!names.insert(key.text).second) refuse("it holds {} twice", shown(key.text));
      take(std::string(key.text), *tensor->items[1]);
    }
    if (contents_.tensors.empty())
      fail(ErrorKind::data,
           "{}: holds no tensors by name; save it with torch.save(model.state_dict(), ...)", name_);
  }

 private:
  template <class... Args>
  [[noreturn]] void refuse(fmt::format_string<Args...> text, Args&&... args) const {
    fail(ErrorKind::data, "{}: {}; use another copy of the file", name_,
         fmt::format(text, std::forward<Args>(args)...));
  }

  static const PickleValue& state_dict(const PickleValue& root) {
    for (const char* key : {"state_dict", "model_state_dict", "model"})
      if (const PickleValue* inner = root.at(key); inner && inner->kind == Kind::dict)
        return *inner;
    static const PickleValue nothing;
    return root.kind == Kind::dict ? root : nothing;
  }

  // The call that makes a tensor, or that inside of a parameter; null for anything else.
  static const PickleValue* tensor_call(const PickleValue& value) {
    const PickleValue* call = &value;
    if (is_call(*call, "torch._utils\n_rebuild_parameter") ||
        is_call(*call, "torch._utils\n_rebuild_parameter_with_state") ||
        is_call(*call, "torch.nn.parameter\nParameter")) {
      if (call->items[1]->items.empty()) return nullptr;
      call = call->items[1]->items[0];
    }
    const bool tensor = is_call(*call, "torch._utils\n_rebuild_tensor_v2") ||
                        is_call(*call, "torch._utils\n_rebuild_tensor");
    return tensor ? call : nullptr;
  }
  static bool is_call(const PickleValue& value, std::string_view global) {
    return value.kind == Kind::call && value.items[0]->is_name(global);
  }

  void take(std::string name, const PickleValue& arguments) {
    const auto& a = arguments.items;
    const bool shaped = a.size() >= 4 && a[0]->kind == Kind::stored && a[1]->kind == Kind::whole &&
                        a[2]->kind == Kind::list && a[3]->kind == Kind::list;
    if (!shaped) refuse("tensor {} is not described as one", shown(name));
    StoredTensor tensor{std::move(name)};
    tensor.shape = wholes(*a[2], tensor.name);
    const std::vector<std::int64_t> strides = wholes(*a[3], tensor.name);
    if (strides.size() != tensor.shape.size())
      refuse("tensor {} has {} dimensions and {} strides", shown(tensor.name), tensor.shape.size(),
             strides.size());
    const Storage storage = storage_of(*a[0]->items[0], tensor.name);
    tensor.type = storage.type;
    tensor.bytes = view(storage, a[1]->whole, tensor, strides);
    contents_.tensors.push_back(std::move(tensor));
  }

  std::vector<std::int64_t> wholes(const PickleValue& list, const std::string& tensor) const {
    if (list.items.size() > kMaxPthRank)
      refuse("tensor {} has more than {} dimensions", shown(tensor), kMaxPthRank);
    std::vector<std::int64_t> numbers;
    for (const PickleValue* item : list.items) {
      if (item->kind != Kind::whole || item->whole < 0)
        refuse("tensor {} has a size or stride that is no whole number from 0 on", shown(tensor));
      numbers.push_back(item->whole);
    }
    return numbers;
  }

  // ('storage', type, key, location, elements), and in old files (view key, offset, elements).
  Storage storage_of(const PickleValue& id, const std::string& tensor) {
    const auto& parts = id.items;
    const bool known = id.kind == Kind::list && parts.size() >= 5 && parts[0]->kind == Kind::text &&
                       parts[0]->text == "storage" && parts[1]->kind == Kind::name &&
                       parts[2]->kind == Kind::text && parts[4]->kind == Kind::whole &&
                       parts[4]->whole >= 0;
    if (!known) refuse("tensor {} has no storage that is read here", shown(tensor));
    const StorageClass* type = storage_class_of(parts[1]->text);
    if (!type) refuse("tensor {} is of a type that is not read here", shown(tensor));
    const std::size_t element = size_of(type->type);
    const Bytes bytes = storages_.bytes(std::string(parts[2]->text));
    if (seen_.insert(bytes.data()).second) room_ += 2 * bytes.size();
    const auto elements = static_cast<std::uint64_t>(parts[4]->whole);
    if (elements > bytes.size() / element)
      refuse("tensor {} needs {} values, its storage holds {}", shown(tensor), elements,
             bytes.size() / element);
    std::int64_t first = 0;
    if (parts.size() > 5 && parts[5]->kind == Kind::list && parts[5]->items.size() == 3 &&
        parts[5]->items[1]->kind == Kind::whole)
      first = parts[5]->items[1]->whole;
    return {type->type, bytes.first(elements * element), first};
  }

  // The tensor's values, row-major: a part of the storage, or a copy where it is strided.
  Bytes view(const Storage& storage, std::int64_t offset, const StoredTensor& tensor,
             const std::vector<std::int64_t>& strides) {
    const std::size_t element = size_of(storage.type);
    const auto held = static_cast<std::int64_t>(storage.bytes.size() / element);
    std::int64_t count = 1, last = 0, dense = 1;
    bool fits = offset >= 0 && storage.first >= 0 &&
                !__builtin_add_overflow(offset, storage.first, &last),
         contiguous = true;
    const std::int64_t first = last;
    for (std::size_t d = tensor.shape.size(); d-- > 0;) {
      const std::int64_t size = tensor.shape[d], stride = strides[d];
      std::int64_t reach = 0;
      fits = fits && !__builtin_mul_overflow(count, size, &count) &&
             !__builtin_mul_overflow(std::max<std::int64_t>(size - 1, 0), stride, &reach) &&
             !__builtin_add_overflow(last, reach, &last);
      contiguous = contiguous && (size <= 1 || stride == dense);
      dense = fits ? count : dense;
    }
    if (fits && count == 0) return {};
    if (!fits || last >= held)
      refuse("tensor {} reaches beyond the {} values of its storage", shown(tensor.name), held);
    const Bytes from = storage.bytes.subspan(static_cast<std::size_t>(first) * element);
    const std::size_t bytes = static_cast<std::size_t>(count) * element;
    if (contiguous) return from.first(bytes);
    // Strides of 0 make much of little.
    if (count > held || bytes > room_) refuse("tensor {} repeats its values", shown(tensor.name));
    room_ -= bytes;
    return copied(from, tensor.shape, strides, element, bytes);
  }

  Bytes copied(Bytes from, const std::vector<std::int64_t>& shape,
               const std::vector<std::int64_t>& strides, std::size_t element, std::size_t bytes) {
    std::byte* const block =
        contents_.blocks.emplace_back(std::make_unique_for_overwrite<std::byte[]>(bytes)).get();
    std::vector<std::int64_t> index(shape.size());
    std::int64_t at = 0;
    for (std::byte* to = block; to != block + bytes; to += element) {
      std::memcpy(to, from.data() + static_cast<std::size_t>(at) * element, element);
      for (std::size_t d = shape.size(); d-- > 0;) {
        if (shape[d] == 1) continue;  // its stride means nothing, and may be any number
        at += strides[d];
        if (++index[d] < shape[d]) break;
        at -= strides[d] * shape[d];
        index[d] = 0;
      }
    }
    return {block, bytes};
  }

  Storages& storages_;
  const std::string& name_;
  PthContents& contents_;
  std::set<const std::byte*> seen_;  // storages
  std::size_t room_ = 0;             // bytes that copies may still take
};

}  // namespace

bool may_stand_in_pth(std::string_view global) {
  constexpr std::string_view kModules[] = {"torch", "numpy", "collections", "pathlib", "datetime"};
  constexpr std::string_view kFunctions[] = {"copyreg\n_reconstructor", "copy_reg\n_reconstructor",
                                             "_codecs\nencode"};
  const std::string_view module = global.substr(0, std::min(global.find('.'), global.find('\n')));
  return std::find(std::begin(kModules), std::end(kModules), module) != std::end(kModules) ||
         std::find(std::begin(kFunctions), std::end(kFunctions), global) != std::end(kFunctions);
}

const StorageClass* storage_class_of(std::string_view global) {
  const auto* found = std::find_if(std::begin(kStorages), std::end(kStorages),
                                   [&](const StorageClass& s) { return s.global == global; });
  return found == std::end(kStorages) ? nullptr : found;
}

const StorageClass* storage_class_of(StoredType type) {
  const auto* found = std::find_if(std::begin(kStorages), std::end(kStorages),
                                   [&](const StorageClass& s) { return s.type == type; });
  return found == std::end(kStorages) ? nullptr : found;
}

Bytes ListedStorages::bytes(const std::string& key) {
  const auto found = known.find(key);
  if (found == known.end())
    fail(ErrorKind::data, "{}: storage {} is missing; use another copy of the file", name,
         shown(key));
  return found->second;
}

void ListedStorages::take(const std::string& key, ByteReader& reader, std::size_t element_bytes) {
  const auto count = reader.number<std::uint64_t>();
  std::uint64_t size = 0;
  const bool fits = !__builtin_mul_overflow(count, element_bytes, &size);
  const Bytes bytes = reader.take(fits ? size : ~std::uint64_t{0});
  if (reader.ran_out())
    fail(ErrorKind::data, "{}: cut off in storage {}; use another copy of the file", name,
         shown(key));
  known.emplace(key, bytes);
}

void take_tensors(const Pickle& object, Storages& storages, const std::string& name,
                  PthContents& contents) {
  Extractor(storages, name, contents).take_all(object);
}

}  // namespace peclr
