// SPDX-License-Identifier: Apache-2.0
// The formats as torch/serialization.py and torch/_utils.py have them.
#include "engine/files/pth.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <set>

#include "engine/error.h"
#include "engine/files/byte_reader.h"
#include "engine/files/pickle.h"
#include "engine/files/zip.h"
#include "engine/text.h"

namespace peclr {
namespace {

using Bytes = std::span<const std::byte>;
using Kind = PickleValue::Kind;

constexpr std::string_view kZip = "PK\x03\x04", kEmptyZip = "PK\x05\x06";
// The pickle of PyTorch's magic number.
constexpr std::string_view kLegacy{"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19\x2e",
                                   15};
constexpr std::size_t kMaxNameBytes = 1024, kMaxRank = 16;

struct StorageType {
  std::string_view global;
  StoredType type;
};
constexpr StorageType kStorages[] = {
    {"torch\nFloatStorage", StoredType::f32}, {"torch\nDoubleStorage", StoredType::f64},
    {"torch\nHalfStorage", StoredType::f16},  {"torch\nBFloat16Storage", StoredType::bf16},
    {"torch\nLongStorage", StoredType::i64},  {"torch\nIntStorage", StoredType::i32},
    {"torch\nShortStorage", StoredType::i16}, {"torch\nCharStorage", StoredType::i8},
    {"torch\nByteStorage", StoredType::u8},   {"torch\nBoolStorage", StoredType::boolean}};

// Functions whose calls stand in honest files: they make tensors, or values beside them.
bool may_be_called(std::string_view global) {
  constexpr std::string_view kModules[] = {"torch", "numpy", "collections", "pathlib", "datetime"};
  constexpr std::string_view kFunctions[] = {"copyreg\n_reconstructor", "copy_reg\n_reconstructor",
                                             "_codecs\nencode"};
  const std::string_view module = global.substr(0, std::min(global.find('.'), global.find('\n')));
  return std::find(std::begin(kModules), std::end(kModules), module) != std::end(kModules) ||
         std::find(std::begin(kFunctions), std::end(kFunctions), global) != std::end(kFunctions);
}

// Where a tensor's values lie.
struct Storage {
  StoredType type;
  Bytes bytes;
  std::int64_t first;  // element of `bytes` that a view of it begins at; old files only
};

// Fetches the bytes of a storage by its key.
class Storages {
 public:
  virtual ~Storages() = default;
  virtual Bytes bytes(const std::string& key) = 0;
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
    if (list.items.size() > kMaxRank)
      refuse("tensor {} has more than {} dimensions", shown(tensor), kMaxRank);
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
    const auto* type = std::find_if(std::begin(kStorages), std::end(kStorages),
                                    [&](auto& s) { return s.global == parts[1]->text; });
    if (type == std::end(kStorages))
      refuse("tensor {} is of a type that is not read here", shown(tensor));
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

// ---- The zip form: ROOT/data.pkl, and a storage each in ROOT/data/KEY.

struct ZipStorages final : Storages {
  const ZipArchive& archive;
  std::string root;
  PthContents& contents;
  std::map<std::string, Bytes> known;

  ZipStorages(const ZipArchive& zip, std::string folder, PthContents& out)
      : archive(zip), root(std::move(folder)), contents(out) {}

  Bytes bytes(const std::string& key) override {
    const auto [at, fresh] = known.try_emplace(key);
    if (fresh) {
      std::unique_ptr<std::byte[]> room;
      at->second = archive.read(root + "data/" + key, room);
      if (room) contents.blocks.push_back(std::move(room));
    }
    return at->second;
  }
};

// The folder of data.pkl, with its '/'.
std::string root_of(const ZipArchive& archive, const std::string& name) {
  constexpr std::string_view kPickle = "/data.pkl";
  for (const auto& [entry, ignored] : archive.entries())
    if (entry.ends_with(kPickle) && entry.find('/') + kPickle.size() == entry.size())
      return entry.substr(0, entry.size() - kPickle.size() + 1);
  fail(ErrorKind::data,
       "{}: a zip archive, but not one of PyTorch; give a .pth or safetensors file", name);
}

void read_zip(Bytes file, const std::string& name, PthContents& contents) {
  const ZipArchive archive(file, name);
  const std::string root = root_of(archive, name);
  std::unique_ptr<std::byte[]> room, order_room;
  if (archive.entries().contains(root + "constants.pkl"))
    fail(ErrorKind::data,
         "{}: a TorchScript archive; save its weights with torch.save(model.state_dict(), ...)",
         name);
  if (archive.entries().contains(root + "byteorder")) {
    const Bytes order = archive.read(root + "byteorder", order_room);
    if (ByteReader(order).text(order.size()) != "little")
      fail(ErrorKind::data, "{}: is big-endian; save it on a little-endian machine", name);
  }
  ZipStorages storages(archive, root, contents);
  const Pickle pickle = read_pickle(archive.read(root + "data.pkl", room), name, may_be_called);
  Extractor(storages, name, contents).take_all(pickle);
}

// ---- The old form: five pickles (magic number, version, system, object, keys), then the storages
// in the order of the keys, each a count of elements and the elements.

struct LegacyStorages final : Storages {
  ByteReader reader;
  const std::map<std::string, std::size_t>& element_bytes;
  const std::string& name;
  std::map<std::string, Bytes> known;

  LegacyStorages(Bytes file, std::size_t at, const Pickle& keys,
                 const std::map<std::string, std::size_t>& elements, const std::string& file_name)
      : reader(file, at), element_bytes(elements), name(file_name) {
    for (const PickleValue* key : keys.root->items) {
      if (key->kind != Kind::text) continue;
      const auto element = element_bytes.find(std::string(key->text));
      if (element == element_bytes.end())
        fail(ErrorKind::data, "{}: its list of storages is damaged; use another copy of the file",
             name);
      const auto count = reader.number<std::uint64_t>();
      std::uint64_t size = 0;
      const bool fits = !__builtin_mul_overflow(count, element->second, &size);
      const Bytes bytes = reader.take(fits ? size : ~std::uint64_t{0});
      if (reader.ran_out())
        fail(ErrorKind::data, "{}: cut off in storage {}; use another copy of the file", name,
             shown(key->text));
      known.emplace(key->text, bytes);
    }
  }
  Bytes bytes(const std::string& key) override {
    const auto found = known.find(key);
    if (found == known.end())
      fail(ErrorKind::data, "{}: storage {} is missing; use another copy of the file", name,
           shown(key));
    return found->second;
  }
};

// Bytes an element of each storage that the object names, whoever uses it.
std::map<std::string, std::size_t> element_bytes_of(const Pickle& pickle) {
  std::map<std::string, std::size_t> sizes;
  for (const PickleValue& value : pickle.values) {
    if (value.kind != Kind::stored || value.items[0]->items.size() < 3) continue;
    const auto& parts = value.items[0]->items;
    for (const StorageType& storage : kStorages)
      if (parts[1]->is_name(storage.global)) sizes.emplace(parts[2]->text, size_of(storage.type));
  }
  return sizes;
}

void read_legacy(Bytes file, const std::string& name, PthContents& contents) {
  std::size_t at = 0;
  const auto next = [&] {
    Pickle pickle = read_pickle(file.subspan(at), name, may_be_called);
    at += pickle.bytes;
    return pickle;
  };
  next();  // the magic number
  next();  // the version
  const Pickle system = next(), object = next(), keys = next();
  if (const PickleValue* little = system.root->at("little_endian"); little && little->whole == 0)
    fail(ErrorKind::data, "{}: is big-endian; save it on a little-endian machine", name);
  const auto sizes = element_bytes_of(object);
  LegacyStorages storages(file, at, keys, sizes, name);
  Extractor(storages, name, contents).take_all(object);
}

bool begins(Bytes bytes, std::string_view text) {
  return bytes.size() >= text.size() && std::memcmp(bytes.data(), text.data(), text.size()) == 0;
}

}  // namespace

bool looks_like_pth(Bytes bytes) {
  // A pickle's second byte is its protocol. What looks like one may also be the length of a
  // safetensors header, 640 say: then the upper half of the eight bytes is 0.
  const bool pickle = bytes.size() >= 8 && bytes[0] == std::byte{0x80} &&
                      bytes[1] >= std::byte{2} && bytes[1] <= std::byte{5} &&
                      std::any_of(bytes.begin() + 4, bytes.begin() + 8,
                                  [](std::byte b) { return b != std::byte{}; });
  return begins(bytes, kZip) || begins(bytes, kEmptyZip) || pickle;
}

PthContents read_pth(Bytes bytes, const std::string& name) {
  PthContents contents;
  if (begins(bytes, kZip) || begins(bytes, kEmptyZip))
    read_zip(bytes, name, contents);
  else if (begins(bytes, kLegacy))
    read_legacy(bytes, name, contents);
  else
    fail(ErrorKind::data,
         "{}: a pickle, but not a checkpoint of PyTorch, or cut off; give a .pth or safetensors "
         "file",
         name);
  return contents;
}

}  // namespace peclr
