// SPDX-License-Identifier: Apache-2.0
#include "tests/support/pth_writer.h"

#include <fmt/format.h>

#include <cstring>

#include "engine/files/deflate.h"

namespace peclr::test {
namespace {

template <class T>
std::string little(T value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

// Deflate's plainest form (RFC 1951, 3.2.4): blocks that are only stored.
std::string deflated(std::string_view bytes) {
  constexpr std::size_t kBlock = 0xFFFF;
  std::string out;
  do {
    const std::string_view block = bytes.substr(0, kBlock);
    bytes.remove_prefix(block.size());
    const auto size = static_cast<std::uint16_t>(block.size());
    out += std::string(1, bytes.empty() ? '\1' : '\0') + little(size) +
           little(static_cast<std::uint16_t>(~size));
    out += block;
  } while (!bytes.empty());
  return out;
}

const char* storage_of(StoredType type) {
  switch (type) {
    case StoredType::f64:
      return "DoubleStorage";
    case StoredType::i64:
      return "LongStorage";
    case StoredType::f16:
      return "HalfStorage";
    default:
      return "FloatStorage";
  }
}

std::string_view text_of(const StoredTensor& tensor) {
  return {reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size()};
}

// One of a tar archive (POSIX, ustar): its fields, octal; and the content, up to a whole block.
std::string tar_entry(const std::string& name, char kind, const std::string& content) {
  constexpr std::size_t kBlock = 512, kSum = 148;
  std::string header = name;
  header.resize(100);
  header += fmt::format("{:07o}", 0600) + '\0' + std::string(16, '\0');
  header += fmt::format("{:011o}", content.size()) + '\0' + fmt::format("{:011o}", 0) + '\0';
  header += std::string(8, ' ') + kind;
  header.resize(257);
  header += std::string("ustar\00000", 8);
  header.resize(kBlock);
  unsigned sum = 0;
  for (const char c : header) sum += static_cast<unsigned char>(c);
  header.replace(kSum, 8, fmt::format("{:06o}", sum) + std::string("\0 ", 2));
  std::string out = header + content;
  out.resize((out.size() + kBlock - 1) / kBlock * kBlock);
  return out;
}

std::string state_dict(std::span<const StoredTensor> tensors, bool legacy) {
  std::string items;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const StoredTensor& t = tensors[i];
    items += op::text(t.name) + tensor_text({storage_of(t.type), std::to_string(i), t.count(), 0,
                                             t.shape, dense_strides(t.shape), legacy});
  }
  return ordered_dict(items);
}

}  // namespace

namespace op {

std::string text(std::string_view value) {
  return "X" + little(static_cast<std::uint32_t>(value.size())) + std::string(value);
}
std::string number(std::int64_t value) {
  if (value >= 0 && value < 256) return "K" + little(static_cast<std::uint8_t>(value));
  if (value >= INT32_MIN && value <= INT32_MAX)
    return "J" + little(static_cast<std::int32_t>(value));
  return "\x8a\x08" + little(value);
}
std::string global(std::string_view module, std::string_view name) {
  return "c" + std::string(module) + "\n" + std::string(name) + "\n";
}
std::string tuple(const std::string& items) { return kMark + items + kTuple; }
std::string put(std::uint8_t slot) { return "q" + little(slot); }
std::string get(std::uint8_t slot) { return "h" + little(slot); }

}  // namespace op

std::string tensor_text(const TensorText& t) {
  std::string shape, strides;
  for (const std::int64_t n : t.shape) shape += op::number(n);
  for (const std::int64_t n : t.strides) strides += op::number(n);
  // Python's (key of the view, its first element, its elements).
  const std::string view =
      t.view_first
          ? op::tuple(op::text("view") + op::number(*t.view_first) + op::number(t.elements))
          : op::kNone;
  const std::string id =
      op::tuple(op::text("storage") + op::global("torch", t.type) + op::text(t.key) +
                op::text("cpu") + op::number(t.elements) + (t.legacy ? view : ""));
  return op::global("torch._utils", "_rebuild_tensor_v2") +
         op::tuple(id + op::kPersistent + op::number(t.offset) + op::tuple(shape) +
                   op::tuple(strides) + op::kFalse + op::global("collections", "OrderedDict") +
                   op::kEmptyTuple + op::kReduce) +
         op::kReduce;
}

std::vector<std::int64_t> dense_strides(std::span<const std::int64_t> shape) {
  std::vector<std::int64_t> strides(shape.size(), 1);
  for (std::size_t d = shape.size(); d-- > 1;) strides[d - 1] = strides[d] * shape[d];
  return strides;
}

std::string pickle(const std::string& value) { return op::kStart + value + op::kStop; }

std::string ordered_dict(const std::string& items) {
  return op::global("collections", "OrderedDict") + op::kEmptyTuple + op::kReduce + op::kMark +
         items + op::kSetItems;
}

std::string zip(const Files& files, Packing packing) {
  const bool packs = packing == Packing::deflated || packing == Packing::deflated_zip64,
             wide = packing == Packing::stored_zip64 || packing == Packing::deflated_zip64;
  constexpr std::uint32_t kElsewhere = 0xFFFFFFFF;  // in the extra field, or in the wide end record
  std::string out, directory;
  for (const auto& [name, content] : files) {
    const std::string packed = packs ? deflated(content) : content;
    const auto method = static_cast<std::uint16_t>(packs ? 8 : 0);
    const auto narrow = [&](std::size_t n) {
      return little(wide ? kElsewhere : static_cast<std::uint32_t>(n));
    };
    const auto name_bytes = static_cast<std::uint16_t>(name.size());
    const std::uint32_t crc = crc32_of(std::as_bytes(std::span(content)));
    std::string extra = "FB" + little<std::uint16_t>(3) + "ZZZ";  // PyTorch's padding
    if (wide)
      extra += little<std::uint16_t>(1) + little<std::uint16_t>(24) +
               little<std::uint64_t>(content.size()) + little<std::uint64_t>(packed.size()) +
               little<std::uint64_t>(out.size());
    directory += "PK\x01\x02" + little<std::uint32_t>(0x00140014) + little<std::uint16_t>(0x0808) +
                 little(method) + std::string(4, '\0') + little(crc) + narrow(packed.size()) +
                 narrow(content.size()) + little(name_bytes) +
                 little(static_cast<std::uint16_t>(extra.size())) + std::string(10, '\0') +
                 narrow(out.size()) + name + extra;
    // As PyTorch writes them: the local header's sizes and checksum are 0.
    out += "PK\x03\x04" + little<std::uint16_t>(20) + little<std::uint16_t>(0x0808) +
           little(method) + std::string(16, '\0') + little(name_bytes) + little<std::uint16_t>(0) +
           name + packed;
  }
  const std::uint64_t count = files.size(), start = out.size();
  out += directory;
  if (wide)
    out += "PK\x06\x06" + little<std::uint64_t>(44) + std::string(12, '\0') + little(count) +
           little(count) + little<std::uint64_t>(directory.size()) + little(start) + "PK\x06\x07" +
           std::string(4, '\0') + little(start + directory.size()) + little<std::uint32_t>(1);
  const auto short_count = little(static_cast<std::uint16_t>(wide ? 0xFFFF : count));
  return out + "PK\x05\x06" + std::string(4, '\0') + short_count + short_count +
         little(wide ? kElsewhere : static_cast<std::uint32_t>(directory.size())) +
         little(wide ? kElsewhere : static_cast<std::uint32_t>(start)) + little<std::uint16_t>(0);
}

std::string zip_pth(std::span<const StoredTensor> tensors, Packing packing) {
  Files files{{"archive/data.pkl", pickle(state_dict(tensors, false))}};
  for (std::size_t i = 0; i < tensors.size(); ++i)
    files.emplace_back("archive/data/" + std::to_string(i), text_of(tensors[i]));
  files.emplace_back("archive/version", "3\n");
  return zip(files, packing);
}

std::string legacy_pth(std::span<const StoredTensor> tensors) {
  std::string keys, storages;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    keys += op::text(std::to_string(i));
    storages += little(tensors[i].count());
    storages += text_of(tensors[i]);
  }
  return legacy_pth(state_dict(tensors, true), keys, storages);
}

std::string legacy_pth(const std::string& value, const std::string& keys,
                       const std::string& storages) {
  const std::string magic("\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 12);
  return pickle(magic) + pickle("M\xe9\x03") +
         pickle(op::kDict + op::kMark + op::text("little_endian") + "\x88" + op::kSetItems) +
         pickle(value) + pickle(op::kList + op::kMark + keys + op::kAppends) + storages;
}

std::string tar(const Files& files) {
  std::string out;
  for (const auto& [name, content] : files)
    out += tar_entry("././@PaxHeader", 'x', "27 mtime=1484330000.1234567\n") +
           tar_entry(name, '0', content);
  return out + std::string(1024, '\0');
}

std::string tar_value(std::int64_t key) { return op::text(std::to_string(key)) + op::kPersistent; }

std::string tar_storage(std::int64_t key, std::int64_t elements, const std::string& bytes,
                        std::string_view type) {
  return pickle(op::tuple(op::number(key) + op::text("cpu") + op::global("torch", type))) +
         little(elements) + bytes;
}

std::string tar_tensor(std::int64_t key, std::int64_t storage, std::span<const std::int64_t> shape,
                       std::span<const std::int64_t> strides, std::int64_t offset) {
  std::string out =
      pickle(op::tuple(op::number(key) + op::number(storage) + op::global("torch", "FloatTensor")));
  // The upper half of the dimensions is what lay beside them in memory.
  out += little(static_cast<std::int32_t>(shape.size())) + "\1xyz";
  for (const std::int64_t n : shape) out += little(n);
  for (const std::int64_t n : strides) out += little(n);
  return out + little(offset);
}

std::string tar_storages(std::int64_t count, const std::string& storages,
                         const std::string& views) {
  return pickle(op::number(count)) + storages +
         pickle(op::kList + op::kMark + views + op::kAppends);
}

std::string tar_pth(const std::string& value, const std::string& storages,
                    const std::string& tensors, std::int64_t count) {
  return tar({{"sys_info",
               pickle(op::kDict + op::kMark + op::text("little_endian") + "\x88" + op::kSetItems)},
              {"pickle", pickle(value)},
              {"tensors", pickle(op::number(count)) + tensors},
              {"storages", storages}});
}

std::string tar_pth(std::span<const StoredTensor> tensors) {
  constexpr std::int64_t kAddress = 94'012'345'678'900;
  std::string items, storages, descriptions;
  std::int64_t key = kAddress;
  for (const StoredTensor& t : tensors) {
    items += op::text(t.name) + tar_value(key + 1);
    storages += tar_storage(key, t.count(), std::string(text_of(t)), storage_of(t.type));
    descriptions += tar_tensor(key + 1, key, t.shape, dense_strides(t.shape));
    key += 2;
  }
  const auto count = static_cast<std::int64_t>(tensors.size());
  return tar_pth(ordered_dict(items), tar_storages(count, storages), descriptions, count);
}

}  // namespace peclr::test
