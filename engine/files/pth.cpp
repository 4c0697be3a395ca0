// SPDX-License-Identifier: Apache-2.0
// The formats as torch/serialization.py and torch/_utils.py have them.
#include "engine/files/pth.h"

#include <algorithm>
#include <cstring>
#include <map>

#include "engine/error.h"
#include "engine/files/byte_reader.h"
#include "engine/files/pickle.h"
#include "engine/files/pth_tar.h"
#include "engine/files/pth_tensors.h"
#include "engine/files/tar.h"
#include "engine/files/zip.h"

namespace peclr {
namespace {

using Bytes = std::span<const std::byte>;
using Kind = PickleValue::Kind;

constexpr std::string_view kZip = "PK\x03\x04", kEmptyZip = "PK\x05\x06";
// The pickle of PyTorch's magic number.
constexpr std::string_view kLegacy{"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19\x2e",
                                   15};

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
  const Pickle pickle = read_pickle(archive.read(root + "data.pkl", room), name, may_stand_in_pth);
  take_tensors(pickle, storages, name, contents);
}

// ---- The form before it: five pickles (magic number, version, system, object, keys), then the
// storages in the order of the keys, each a count of elements and the elements.

// Bytes an element of each storage that the object names, whoever uses it.
std::map<std::string, std::size_t> element_bytes_of(const Pickle& pickle) {
  std::map<std::string, std::size_t> sizes;
  for (const PickleValue& value : pickle.values) {
    if (value.kind != Kind::stored || value.items[0]->items.size() < 3) continue;
    const auto& parts = value.items[0]->items;
    if (parts[1]->kind != Kind::name) continue;
    if (const StorageClass* type = storage_class_of(parts[1]->text))
      sizes.emplace(parts[2]->text, size_of(type->type));
  }
  return sizes;
}

void list_storages(ByteReader reader, const Pickle& keys,
                   const std::map<std::string, std::size_t>& element_bytes,
                   ListedStorages& storages) {
  for (const PickleValue* key : keys.root->items) {
    if (key->kind != Kind::text) continue;
    const auto element = element_bytes.find(std::string(key->text));
    if (element == element_bytes.end())
      fail(ErrorKind::data, "{}: its list of storages is damaged; use another copy of the file",
           storages.name);
    storages.take(std::string(key->text), reader, element->second);
  }
}

void read_legacy(Bytes file, const std::string& name, PthContents& contents) {
  std::size_t at = 0;
  const auto next = [&] {
    Pickle pickle = read_pickle(file.subspan(at), name, may_stand_in_pth);
    at += pickle.bytes;
    return pickle;
  };
  next();  // the magic number
  next();  // the version
  const Pickle system = next(), object = next(), keys = next();
  if (const PickleValue* little = system.root->at("little_endian"); little && little->whole == 0)
    fail(ErrorKind::data, "{}: is big-endian; save it on a little-endian machine", name);
  ListedStorages storages(name);
  list_storages(ByteReader(file, at), keys, element_bytes_of(object), storages);
  take_tensors(object, storages, name, contents);
}

bool begins(Bytes bytes, std::string_view text) {
  return bytes.size() >= text.size() && std::memcmp(bytes.data(), text.data(), text.size()) == 0;
}

}  // namespace

bool looks_like_pth(Bytes bytes) {
  if (begins(bytes, kZip) || begins(bytes, kEmptyZip)) return true;
  // What looks like another may also be the length of a safetensors header, 640 say: then the upper
  // half of the eight bytes is 0.
  if (bytes.size() < 8 || std::all_of(bytes.begin() + 4, bytes.begin() + 8,
                                      [](std::byte b) { return b == std::byte{}; }))
    return false;
  // A pickle's second byte is its protocol.
  const bool pickle =
      bytes[0] == std::byte{0x80} && bytes[1] >= std::byte{2} && bytes[1] <= std::byte{5};
  return pickle || looks_like_tar(bytes);
}

PthContents read_pth(Bytes bytes, const std::string& name) {
  PthContents contents;
  if (begins(bytes, kZip) || begins(bytes, kEmptyZip))
    read_zip(bytes, name, contents);
  else if (begins(bytes, kLegacy))
    read_legacy(bytes, name, contents);
  else if (looks_like_tar(bytes))
    read_tar_pth(bytes, name, contents);
  else
    fail(ErrorKind::data,
         "{}: a pickle, but not a checkpoint of PyTorch, or cut off; give a .pth or safetensors "
         "file",
         name);
  return contents;
}

}  // namespace peclr
