// SPDX-License-Identifier: Apache-2.0
// PyTorch's checkpoints: what PyTorch wrote is read to the bit, what is hostile is refused in one
// line, and no byte cut off or changed does more than that.
#include "engine/files/pth.h"

#include <catch2/catch.hpp>
#include <cstdlib>

#include "tests/support/files.h"
#include "tests/support/places.h"
#include "tests/support/pth_checks.h"
#include "tests/support/pth_writer.h"
#include "tests/support/refusals.h"

namespace peclr {
namespace {

using namespace test;

bool same(const TensorFile& a, const TensorFile& b) {
  if (a.tensors().size() != b.tensors().size()) return false;
  for (const StoredTensor& t : a.tensors()) {
    const StoredTensor* other = b.find(t.name);
    INFO(t.name);
    CHECK(other);
    if (!other || other->type != t.type || other->shape != t.shape ||
        !std::equal(t.bytes.begin(), t.bytes.end(), other->bytes.begin(), other->bytes.end()))
      return false;
  }
  return true;
}

std::string zip_with(const std::string& value, const Files& more = {}) {
  Files files{{"archive/data.pkl", pickle(value)}};
  files.insert(files.end(), more.begin(), more.end());
  return zip(files);
}

TEST_CASE("pth: all forms give the tensors back, to the bit") {
  const TempFolder folder;
  const std::vector<StoredTensor> tensors = small_tensors();
  write_safetensors(folder / "want", tensors);
  const TensorFile want(folder / "want");
  for (const std::string& bytes :
       {zip_pth(tensors), zip_pth(tensors, Packing::deflated),
        zip_pth(tensors, Packing::stored_zip64), zip_pth(tensors, Packing::deflated_zip64),
        legacy_pth(tensors), tar_pth(tensors)}) {
    write_bytes(folder / "some.name", bytes);  // the content decides
    const TensorFile file(folder / "some.name");
    CHECK(same(file, want));
    CHECK_FALSE(file.has_checksum());
    CHECK(file.tensors()[0].name == "layer.weight");
  }
  // The planted fault: one value differs.
  std::vector<float> other = kWeights;
  other[4] = 5.5f;
  std::vector<StoredTensor> changed = tensors;
  changed[0].bytes = std::as_bytes(std::span(other));
  write_bytes(folder / "changed", zip_pth(changed));
  CHECK_FALSE(same(TensorFile(folder / "changed"), want));
}

TEST_CASE("pth: the shared checkpoints that PyTorch wrote") {
  const std::string found = test::in_shared("goldens/checkpoints");
  if (found.empty()) return;
  const std::string folder = found + "/";
  const TensorFile want(folder + "expected.safetensors");
  for (const char* name : {"zip.pth", "legacy.pth", "nested.pth"}) {
    INFO(name);
    const TensorFile file(folder + name);
    CHECK(file.tensors().size() == 15);
    CHECK(same(want, file));
  }
  const std::pair<const char*, const char*> bad[] = {
      {"bad_empty.pth", "0 bytes"},
      {"bad_missing_storage.pth", "'zip/data/0' in the archive is missing"},
      {"bad_os_system.pth", "calls 'posix.system'"},
      {"bad_os_system_legacy.pth", "calls 'posix.system'"},
      {"bad_pickle_cut.pth", "its pickle is cut off"},
      {"bad_short_storage.pth", "'conv1.weight' needs 588 values, its storage holds 2"},
      {"bad_text.pth", "neither a safetensors nor a PyTorch file"},
      {"bad_truncated.pth", "cut off"}};
  for (const auto& [name, fault] : bad) {
    const Caught error = caught([&] { const TensorFile file(folder + name); });
    INFO(error.text);
    CHECK((error.kind == kData && error.one_line()));
    CHECK((error.names(name) && error.names(fault)));
  }
}

TEST_CASE("pth: views become whole tensors") {
  const TempFolder folder;
  const auto read = [&](std::vector<std::int64_t> shape, std::vector<std::int64_t> strides,
                        std::int64_t offset) {
    const std::string value =
        ordered_dict(op::text("w") + tensor_text({.elements = 6,
                                                  .offset = offset,
                                                  .shape = std::move(shape),
                                                  .strides = std::move(strides)}));
    std::string storage(24, '\0');
    std::memcpy(storage.data(), kWeights.data(), 24);
    write_bytes(folder / "x", zip_with(value, {{"archive/data/0", storage}}));
    return TensorFile(folder / "x").values<float>("w");
  };
  CHECK(read({2, 3}, {3, 1}, 0) == std::vector<float>{1, 2, 3, 4, 5, 6});
  CHECK(read({3, 2}, {1, 3}, 0) == std::vector<float>{1, 4, 2, 5, 3, 6});
  CHECK(read({2}, {1}, 3) == std::vector<float>{4, 5});
  CHECK(read({2, 2}, {3, 1}, 1) == std::vector<float>{2, 3, 5, 6});
  CHECK(read({}, {}, 5) == std::vector<float>{6});
  CHECK(read({1, 6, 1}, {77, 1, 99}, 0) == kWeights);
  CHECK(read({2, 1, 2}, {2, INT64_MAX, 1}, 1) == std::vector<float>{2, 3, 4, 5});
  CHECK(read({2}, {0}, 1) == std::vector<float>{2, 2});
  CHECK(read({0, 4}, {4, 1}, 0).empty());
}

TEST_CASE("pth: in old files a tensor may lie in a view of a storage") {
  const TempFolder folder;
  std::string storage("\6\0\0\0\0\0\0\0", 8);
  storage.append(reinterpret_cast<const char*>(kWeights.data()), 24);
  const auto read = [&](std::int64_t view_first, std::int64_t offset) {
    const TensorText w{.elements = 6,
                       .offset = offset,
                       .shape = {2},
                       .strides = {1},
                       .legacy = true,
                       .view_first = view_first};
    write_bytes(folder / "x",
                legacy_pth(ordered_dict(op::text("w") + tensor_text(w)), op::text("0"), storage));
    return TensorFile(folder / "x").values<float>("w");
  };
  CHECK(read(0, 1) == std::vector<float>{2, 3});
  CHECK(read(3, 0) == std::vector<float>{4, 5});
  CHECK(read(3, 1) == std::vector<float>{5, 6});
  CHECK(caught([&] { read(3, 2); }).names("beyond"));
}

TEST_CASE("pth: a file may be one tensor") {
  const TempFolder folder;
  const std::string tensor = tensor_text({.elements = 2, .shape = {2, 1}, .strides = {1, 1}});
  write_bytes(folder / "x",
              zip_with(tensor, {{"archive/data/0", std::string("\0\0\x80\x3f\0\0\0\x40", 8)}}));
  const TensorFile file(folder / "x");
  REQUIRE(file.tensors().size() == 1);
  CHECK(file.tensors()[0].shape == std::vector<std::int64_t>{2, 1});
  CHECK(file.values<float>("tensor") == std::vector<float>{1, 2});
  CHECK(reading_pth(zip_with(tensor, {{"archive/data/0", std::string("\0\0\x80\x3f", 4)}}))
            .names("needs 2 values"));
}

TEST_CASE("pth: weights are found beside what else stands in a file") {
  const TempFolder folder;
  const std::string tensor = tensor_text({.elements = 1, .shape = {1}, .strides = {1}});
  const Files storage{{"archive/data/0", std::string("\0\0\x80\x3f", 4)}};
  const std::string weights = ordered_dict(op::text("w") + tensor);
  // A class nobody knows, an object of it with items and state, a call of numpy's.
  const std::string object = op::global("easydict", "EasyDict") + op::kEmptyTuple + "\x81" +
                             op::kMark + op::text("a") + op::kNone + op::kSetItems + op::kDict +
                             "b";
  const std::string scalar =
      op::global("numpy.core.multiarray", "scalar") + op::kEmptyTuple + op::kReduce;
  // As protocol 4 has its names.
  std::string newer = weights;
  const std::string name = op::global("torch._utils", "_rebuild_tensor_v2");
  REQUIRE(newer.find(name) != std::string::npos);
  newer.replace(newer.find(name), name.size(),
                op::text("torch._utils") + op::text("_rebuild_tensor_v2") + "\x93\x94");
  const std::string values[] = {
      weights, newer,
      op::kDict + op::kMark + op::text("epoch") + op::number(3) + op::text("state_dict") + weights +
          op::kSetItems,
      op::kDict + op::kMark + op::text("hyper_parameters") + object + op::text("best") + scalar +
          op::global("some.module", "Callback") + op::kNone + op::text("state_dict") + weights +
          op::kSetItems,
      // A parameter, a value that is no tensor, and as Python 2 puts an OrderedDict down.
      op::global("collections", "OrderedDict") +
          op::tuple(op::kList + op::kMark +
                    op::tuple(op::text("w") + op::global("torch._utils", "_rebuild_parameter") +
                              op::tuple(tensor + op::kFalse + op::kDict) + op::kReduce) +
                    op::tuple(op::text("note") + op::text("x")) + op::kAppends) +
          op::kReduce};
  for (const std::string& value : values) {
    write_bytes(folder / "x", zip_with(value, storage));
    const TensorFile file(folder / "x");
    REQUIRE(file.tensors().size() == 1);
    CHECK(file.values<float>("w") == std::vector<float>{1});
  }
}

TEST_CASE("pth: hostile files are refused with one line that names file and fault") {
  const auto tensor = [](TensorText t, const std::string& storage = floats(6)) {
    return zip_with(ordered_dict(op::text("w") + tensor_text(t)), {{"archive/data/0", storage}});
  };
  const std::int64_t big = std::int64_t{1} << 33, max = INT64_MAX;
  pth_refused(tensor({.elements = 7, .shape = {7}, .strides = {1}}), "needs 7 values");
  pth_refused(tensor({.elements = 6, .shape = {7}, .strides = {1}}), "reaches beyond the 6");
  pth_refused(tensor({.elements = 6, .offset = 1, .shape = {6}, .strides = {1}}), "reaches beyond");
  pth_refused(tensor({.elements = 6, .offset = -1, .shape = {1}, .strides = {1}}),
              "reaches beyond");
  pth_refused(tensor({.elements = 6, .offset = max, .shape = {2}, .strides = {1}}), "reaches");
  pth_refused(tensor({.elements = 6, .shape = {2, 2}, .strides = {5, 1}}), "reaches beyond");
  pth_refused(tensor({.elements = 6, .shape = {2}, .strides = {-1}}), "no whole number from 0");
  pth_refused(tensor({.elements = 6, .shape = {-2}, .strides = {1}}), "no whole number from 0");
  pth_refused(tensor({.elements = 6, .shape = {big, big}, .strides = {0, 0}}), "reaches beyond");
  pth_refused(tensor({.elements = 6, .shape = {big}, .strides = {0}}), "repeats its values");
  pth_refused(tensor({.elements = 6, .shape = {2, 2}, .strides = {max, max}}), "reaches beyond");
  pth_refused(tensor({.elements = 6, .shape = {2, 3}, .strides = {1}}),
              "2 dimensions and 1 strides");
  pth_refused(tensor({.elements = max, .shape = {1}, .strides = {1}}), "needs 92233720368547758");
  const std::vector<std::int64_t> ones(17, 1);
  pth_refused(tensor({.elements = 6, .shape = ones, .strides = ones}), "more than 16 dimensions");
  pth_refused(tensor({.elements = -1, .shape = {1}, .strides = {1}}), "no storage that is read");
  pth_refused(tensor({.type = "QInt8Storage", .elements = 1, .shape = {1}, .strides = {1}}),
              "of a type that is not read");
  pth_refused(tensor({.key = "../../etc/passwd", .elements = 1, .shape = {1}, .strides = {1}}),
              "is missing");

  const std::string good = tensor_text({.elements = 1, .shape = {1}, .strides = {1}});
  const Files one{{"archive/data/0", floats(1)}};
  pth_refused(zip_with(ordered_dict(op::text("w") + good + op::text("w") + good), one), "twice");
  pth_refused(zip_with(ordered_dict(op::text("a\n\xff") + good), one), "'a\\x0A\\xFF'");
  pth_refused(zip_with(ordered_dict(op::text("") + good), one), "not allowed");
  pth_refused(zip_with(op::kDict), "holds no tensors");
  pth_refused(zip_with(op::number(5)), "holds no tensors");
  pth_refused(zip_with(op::text("w") + op::text("w") + "s"), "damaged");
  const auto calls = [](const char* module, const char* name) {
    return zip_with(op::kDict + op::text("x") + op::global(module, name) +
                    op::tuple(op::text("echo hello")) + op::kReduce + op::kSetItem);
  };
  pth_refused(calls("os", "system"), "calls 'os.system', which has no place");
  pth_refused(calls("builtins", "eval"), "calls 'builtins.eval'");
  pth_refused(calls("torchvision", "x"), "calls 'torchvision.x'");
  pth_refused(calls("a\x1b[31m", "b"), "'a\\x1B[31m.b'");
  pth_refused(zip_with(op::text("os.system") + op::kEmptyTuple + op::kReduce), "calls 'a value'");
  pth_refused(zip_with("ios\nsystem\n"), "holds INST");
  pth_refused(zip_with("\x93"), "damaged");
  pth_refused(
      zip_with(op::text("os") + op::text("system") + "\x93" + op::kEmptyTuple + op::kReduce),
      "calls 'os.system'");
  pth_refused(zip_with("\x96"), "holds BYTEARRAY8");
  pth_refused(zip_with("\xee"), "holds 0xee");
  pth_refused(zip_with(op::get(7)), "damaged");
  pth_refused(zip_with("t"), "damaged");
  pth_refused(zip_with(op::kMark + "R"), "damaged");
  pth_refused(zip_with(""), "damaged");
  pth_refused(zip_with(op::kMark + std::string(2'000'000, 'N')), "more than 1000000 values");
  // A list that holds itself, a million marks, and long lists put together again and again.
  pth_refused(zip_with(op::kList + op::put(0) + op::get(0) + "a"), "holds no tensors");
  pth_refused(zip_with(std::string(1'000'000, '(')), "damaged");
  // What a byte can do again and again: the same value, marks, places to remember it, names.
  pth_refused(zip_with("N" + std::string(5'000'000, '2')), "damaged");
  pth_refused(zip_with(std::string(5'000'000, '(')), "damaged");
  pth_refused(zip_with("N" + std::string(2'000'000, '\x94')), "damaged");
  std::string names = op::text(std::string(200, 'm')) + op::put(0);
  for (int i = 0; i < 10'000; ++i) names += op::get(0) + op::get(0) + "\x93";
  pth_refused(zip_with(names), "damaged");
  const std::string pair = op::tuple(op::text("k") + op::kNone) + op::put(0);
  std::string pairs = op::kList + op::kMark;
  for (int i = 0; i < 100'000; ++i) pairs += op::get(0);
  std::string copies;
  for (int i = 0; i < 1000; ++i) copies += op::get(2) + op::get(1) + op::kReduce;
  pth_refused(zip_with(op::global("collections", "OrderedDict") + op::put(2) + pair + pairs +
                       op::kAppends + "\x85" + op::put(1) + copies),
              "more than 4000000 items");
  std::string nothings = op::kList + op::kMark;
  for (int i = 0; i < 100'000; ++i) nothings += op::kNone;
  pth_refused(zip_with(op::global("collections", "OrderedDict") + op::put(2) + nothings +
                       op::kAppends + "\x85" + op::put(1) + copies),
              "more than 4000000 items");
}

TEST_CASE("pth: archives and old files that are not what they should be") {
  const std::string good = zip_pth(small_tensors()), old = legacy_pth(small_tensors());
  pth_refused(zip({{"a/b.txt", "text"}}), "not one of PyTorch");
  pth_refused(zip({}), "not one of PyTorch");
  pth_refused(zip({{"a/data.pkl", "x"}, {"a/constants.pkl", ""}}), "TorchScript");
  pth_refused(zip({{"a/data.pkl", pickle(op::kDict)}, {"a/byteorder", "big"}}), "big-endian");
  pth_refused(zip({{"a/data.pkl", ""}, {"a/data.pkl", ""}}), "twice");
  pth_refused(good + "more", "directory is missing");
  std::string changed = good;
  const std::size_t value = good.find(std::string("\0\0\x80\x3f", 4));
  REQUIRE(value != std::string::npos);
  changed[value] ^= 1;
  pth_refused(changed, "checksum is wrong");
  const auto with_byte = [&](std::size_t in_directory, char byte) {
    std::string bytes = good;
    bytes[good.find("PK\1\2") + in_directory] = byte;
    return bytes;
  };
  pth_refused(with_byte(8, 1), "encrypted");
  pth_refused(with_byte(10, 12), "packed in a way");
  pth_refused(with_byte(23, 0x70), "is cut off");  // claims 1.8 GB
  pth_refused(with_byte(27, 0x70), "two sizes differ");
  pth_refused(with_byte(44, 0x70), "not where its directory says");
  // Two entries that are the same bytes of the file, and are most of it.
  std::string twice = zip({{"a/1", std::string(1000, 'x')}, {"a/2", ""}});
  const std::size_t first = twice.find("PK\1\2"), second = twice.find("PK\1\2", first + 1);
  for (const auto& [at, bytes] : {std::pair{16, 12}, {42, 4}})
    twice.replace(second + std::size_t(at), std::size_t(bytes), twice, first + std::size_t(at),
                  std::size_t(bytes));
  pth_refused(twice, "entries overlap");
  std::string bomb = zip_pth(small_tensors(), Packing::deflated);
  bomb[bomb.find("PK\1\2") + 27] = 0x70;
  pth_refused(bomb, "claims more than it can hold");

  pth_refused(pickle(op::kDict) + "    ", "not a checkpoint of PyTorch");
  pth_refused(legacy_pth(op::kDict, op::text("0"), ""), "list of storages is damaged");
  const std::string tensor =
      tensor_text({.elements = 1, .shape = {1}, .strides = {1}, .legacy = true});
  const std::string value_text = ordered_dict(op::text("w") + tensor);
  pth_refused(legacy_pth(value_text, "", ""), "storage '0' is missing");
  pth_refused(legacy_pth(value_text, op::text("0"), std::string(8, '\xff')), "cut off in storage");
  pth_refused(legacy_pth(value_text, op::text("0"), std::string(8, '\0')), "needs 1 values");
  std::string big_endian = old;
  big_endian[old.find("little_endian") + 13] = '\x89';
  pth_refused(big_endian, "big-endian");
}

TEST_CASE("pth: no cut and no changed byte does harm") {
  for (const std::string& good :
       {zip_pth(small_tensors()), zip_pth(small_tensors(), Packing::deflated),
        zip_pth(small_tensors(), Packing::stored_zip64), legacy_pth(small_tensors()),
        tar_pth(small_tensors())}) {
    // In memory of exactly this size, so that a sanitizer sees a step beyond it.
    const auto read = [&](const std::string& bytes) {
      const std::vector<char> exact(bytes.begin(), bytes.end());
      const Caught error = caught([&] { read_pth(std::as_bytes(std::span(exact)), "bad.pth"); });
      // Accepted, or refused in one line that names the file.
      REQUIRE((error.kind == 0 ||
               (error.kind == kData && error.one_line() && error.names("bad.pth: "))));
      return error.kind;
    };
    REQUIRE(read(good) == 0);
    for (std::size_t bytes = 0; bytes < good.size(); ++bytes) REQUIRE(read(good.substr(0, bytes)));
    for (std::size_t at = 0; at < good.size(); ++at)
      for (const char change : {'\1', '\x80', '\xff'}) {
        std::string bad = good;
        bad[at] = static_cast<char>(bad[at] ^ change);
        read(bad);
      }
  }
}

TEST_CASE("pth: a run starts from a .pth as from the same weights in safetensors") {
  const StoppedRun run;
  const TensorFile stored(run.last);
  std::vector<StoredTensor> encoder;
  for (const StoredTensor& t : stored.tensors())
    if (!t.name.starts_with("optimizer.")) encoder.push_back(t);
  const std::string plain = run.folder / "w.safetensors", zipped = run.folder / "zip.pth",
                    old = run.folder / "old.pth", first = run.folder / "first.pth",
                    other = run.folder / "other.pth";
  write_safetensors(plain, encoder);
  write_bytes(zipped, zip_pth(encoder));
  write_bytes(old, legacy_pth(encoder));
  write_bytes(first, tar_pth(encoder));
  const std::vector<float> zeros(64);
  for (StoredTensor& t : encoder)
    if (t.name == "bn1.bias") t.bytes = std::as_bytes(std::span(zeros));
  write_bytes(other, zip_pth(encoder));  // the planted fault: one tensor differs
  const auto trained_from = [&](const std::string& weights) {
    const std::string out = run.folder / "out";
    const ProgramResult result = run_peclr(pretrain(run.set, out) + Args{"--init-from", weights});
    INFO(described(result));
    REQUIRE(result.exit_code == 0);
    CHECK(result.says("weights from " + weights));
    CHECK_FALSE(result.says("missing"));
    const TensorFile model(out + "/model.safetensors");
    std::string tensors;
    for (const StoredTensor& t : model.tensors()) {
      tensors += fmt::format("{} {} {}", t.name, static_cast<int>(t.type), fmt::join(t.shape, "x"));
      tensors.append(reinterpret_cast<const char*>(t.bytes.data()), t.bytes.size());
    }
    for (const auto& [key, value] : model.metadata())
      if (key != "peclr.initial_weights") tensors += key + value;  // it names the file
    std::filesystem::remove_all(out);
    return std::hash<std::string>()(tensors);
  };
  const std::size_t want = trained_from(plain);
  CHECK(trained_from(zipped) == want);
  CHECK(trained_from(old) == want);
  CHECK(trained_from(first) == want);
  CHECK(trained_from(other) != want);
  refused(pretrain(run.set, run.folder / "new") + Args{"--init-from", zipped, "model.depth=50"},
          kData, {zipped, "ResNet-18", "set model.depth=18"});
}

}  // namespace
}  // namespace peclr
