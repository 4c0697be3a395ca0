// SPDX-License-Identifier: Apache-2.0
// safetensors: the published layout byte for byte, hostile headers, conversions, and damage that
// the checksum must find.
#include "engine/files/safetensors.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "engine/files/safetensors_header.h"
#include "tests/support/files.h"
#include "tests/support/places.h"

namespace peclr {
namespace {

using test::caught;
using test::read_bytes;
using test::TempFolder;
using test::write_bytes;

template <class T>
StoredTensor stored(std::string name, StoredType type, std::vector<std::int64_t> shape,
                    const std::vector<T>& values) {
  return {std::move(name), type, std::move(shape), std::as_bytes(std::span(values))};
}

std::string file_of(std::string_view header, std::string_view payload) {
  const std::uint64_t length = header.size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  return bytes.append(header).append(payload);
}

std::string tensor_json(std::string_view name, std::string_view dtype, std::string_view shape,
                        int begin, int end) {
  return fmt::format(R"("{}":{{"dtype":"{}","shape":{},"data_offsets":[{},{}]}})", name, dtype,
                     shape, begin, end);
}

// One F32 tensor w = [1, 2], as the format's own writer lays it out.
const std::string kVectorHeader =
    R"({"__metadata__":{"format":"pt"},"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}   )";
const std::string kVectorPayload("\x00\x00\x80\x3f\x00\x00\x00\x40", 8);

TEST_CASE("safetensors: the known file is read, and its prefix written, byte for byte") {
  const TempFolder folder;
  const std::string known = file_of(kVectorHeader, kVectorPayload);
  REQUIRE(kVectorHeader.size() == 0x58);
  write_bytes(folder / "w.safetensors", known);
  const TensorFile file(folder / "w.safetensors");
  CHECK(file.values<double>("w") == std::vector<double>{1, 2});
  CHECK(file.metadata() == Metadata{{"format", "pt"}});
  CHECK_FALSE(file.has_checksum());
  CHECK(safetensors_prefix(file.tensors(), file.metadata()) + kVectorPayload == known);
}

TEST_CASE("safetensors: what is written comes back, whatever the order it is given in") {
  const TempFolder folder;
  const std::vector<float> weights{1.5f,   -0.f, std::numeric_limits<float>::infinity(),
                                   1e-45f, 3.f,  4.f};
  const std::vector<std::int64_t> counter{1'000'000'007};
  const std::vector<std::uint8_t> pixels{0, 128, 255};
  const std::vector<float> none;
  std::vector<StoredTensor> tensors{stored("z.weight", StoredType::f32, {2, 3}, weights),
                                    stored("pixels", StoredType::u8, {3}, pixels),
                                    stored("empty", StoredType::f32, {0, 7}, none),
                                    stored("empty \"2\"\n\u00e9", StoredType::f64, {0}, none),
                                    stored("steps", StoredType::i64, {}, counter)};
  const Metadata metadata{{"settings", "seed: 1\nout: \"a\"\n"}, {"step", "12"}};
  write_safetensors(folder / "a.safetensors", tensors, metadata);
  std::reverse(tensors.begin(), tensors.end());
  write_safetensors(folder / "b.safetensors", tensors, metadata);
  const std::string bytes = read_bytes(folder / "a.safetensors");
  CHECK(bytes == read_bytes(folder / "b.safetensors"));
  std::uint64_t header = 0;
  std::memcpy(&header, bytes.data(), 8);
  CHECK(header % 8 == 0);

  const TensorFile file(folder / "a.safetensors");
  CHECK(file.has_checksum());
  CHECK(file.metadata_at("settings") == metadata.at("settings"));
  CHECK(file.metadata_at("format") == "pt");
  REQUIRE(file.tensors().size() == 5);
  CHECK(file.tensors()[1].name == "steps");  // larger elements first, then by name
  CHECK(std::memcmp(file.at("z.weight", std::vector<std::int64_t>{2, 3}).bytes.data(),
                    weights.data(), 24) == 0);
  CHECK(file.values<std::int64_t>("steps") == counter);
  CHECK(file.at("steps").shape.empty());
  CHECK(file.values<float>("pixels") == std::vector<float>{0, 128, 255});
  CHECK(file.at("empty").count() == 0);
  CHECK(file.find("nothing") == nullptr);

  write_safetensors(folder / "c.safetensors", file.tensors(), file.metadata());
  CHECK(bytes == read_bytes(folder / "c.safetensors"));
}

TEST_CASE("safetensors: conversions") {
  const TempFolder folder;
  const std::vector<std::uint16_t> halves{0x3C00, 0xC000, 0x0001, 0x8000,
                                          0x7BFF, 0x7C00, 0x03FF, 0x8001};
  const std::vector<std::uint16_t> brains{0x3F80, 0xC000, 0x7F80};
  const std::vector<std::uint64_t> large{1, ~0ull};
  const std::vector<double> fractions{0.1, 1e300};
  const std::vector<std::int8_t> small{-128, 127};
  write_safetensors(folder / "x",
                    std::vector<StoredTensor>{stored("f16", StoredType::f16, {8}, halves),
                                              stored("bf16", StoredType::bf16, {3}, brains),
                                              stored("u64", StoredType::u64, {2}, large),
                                              stored("f64", StoredType::f64, {2}, fractions),
                                              stored("i8", StoredType::i8, {2}, small)});
  const TensorFile file(folder / "x");
  const double inf = std::numeric_limits<double>::infinity();
  CHECK(file.values<double>("f16") ==
        std::vector<double>{1, -2, 0x1p-24, 0, 65504, inf, 1023 * 0x1p-24, -0x1p-24});
  CHECK(file.values<double>("bf16") == std::vector<double>{1, -2, inf});
  CHECK(file.values<double>("f64") == fractions);
  CHECK(file.values<std::int64_t>("i8") == std::vector<std::int64_t>{-128, 127});
  for (const char* name : {"f16", "bf16", "u64", "f64"}) {
    const auto error = caught([&] { file.values<std::int64_t>(name); });
    CHECK((error.kind == 3 && error.names(name) && error.names("whole numbers")));
  }
  std::vector<float> two(2);
  CHECK(caught([&] { file.copy<float>("f16", two); }).names("8 values"));
  CHECK(caught([&] { file.at("absent"); }).names("no tensor 'absent'"));
  CHECK(caught([&] {
          file.at("i8", std::vector<std::int64_t>{1, 2});
        }).names("shape [2]; [1, 2] is needed"));
  CHECK(caught([&] { file.metadata_at("step"); }).names("no metadata 'step'"));
}

TEST_CASE("safetensors: every flipped bit is found") {
  const TempFolder folder;
  std::vector<float> values(37);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = 0.25f * static_cast<float>(i);
  const std::vector<std::uint8_t> odd{7, 8, 9};
  write_safetensors(folder / "good",
                    std::vector<StoredTensor>{stored("w", StoredType::f32, {37}, values),
                                              stored("n", StoredType::u8, {3}, odd)},
                    {{"step", "5"}});
  const std::string good = read_bytes(folder / "good");
  const std::size_t key = good.find("peclr.checksum");
  REQUIRE(key != std::string::npos);
  std::size_t missed = 0, found_by_checksum = 0;
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    write_bytes(folder / "bad", bad);
    try {
      const TensorFile file(folder / "bad");
      missed += file.has_checksum();  // a renamed key makes a file without checksum, which a resume
                                      // refuses
    } catch (const Error& error) {
      found_by_checksum +=
          std::string_view(error.what()).find("checksum") != std::string_view::npos;
    }
  }
  CHECK(missed == 0);
  CHECK(found_by_checksum >= 8 * (37 * sizeof(float) + 3));  // the values have no other guard
}

TEST_CASE("safetensors: hostile files are refused with one line that names the file") {
  const TempFolder folder;
  const std::string a = tensor_json("a", "F32", "[2]", 0, 8), eight(8, '\0');
  const std::string huge_length = std::string("\xff\xff\xff\xff\xff\xff\xff\x7f", 8) + "{}";
  struct Case {
    std::string bytes;
    const char* fault;
  };
  const std::vector<Case> cases{
      {"", "0 bytes"},
      {"1234567", "7 bytes"},
      {huge_length, "claims"},
      {std::string(8, '\xff') + "{}", "claims"},
      {file_of("", ""), "brace"},
      {file_of("[1]", ""), "brace"},
      {file_of(" {}", ""), "brace"},
      {file_of("\xEF\xBB\xBF{}", ""), "brace"},
      {file_of("{}\n", ""), "brace"},
      {file_of("{} x", ""), "brace"},
      {file_of(std::string("{}\0   }", 7), ""), "UTF-8"},
      {file_of("{\"\xC0\x80\":{}}", ""), "UTF-8"},
      {file_of("{}}", ""), "JSON"},
      {file_of("{\"__metadata__\":{}", ""), "JSON"},
      {file_of("{" + a + ",}", eight), "JSON"},
      {file_of(R"({"\ud800":{}})", ""), "JSON"},
      {file_of(R"({"a\u0000":{}})", ""), "not allowed"},
      {file_of(R"({"":{}})", ""), "not allowed"},
      {file_of("{\"" + std::string(2000, 'n') + "\":{}}", ""), "not allowed"},
      {file_of("{" + a + "," + a + "}", eight), "twice"},
      {file_of(R"({"__metadata__":{},"__metadata__":{}})", ""), "twice"},
      {file_of(R"({"__metadata__":{"k":"1","k":"2"}})", ""), "twice"},
      {file_of(R"({"__metadata__":{"k":1}})", ""), "out of place"},
      {file_of(R"({"__metadata__":{"k":{}}})", ""), "out of place"},
      {file_of(R"({"__metadata__":[]})", ""), "out of place"},
      {file_of(R"({"a":{}})", ""), "missing"},
      {file_of(R"({"a":null})", ""), "out of place"},
      {file_of(R"({"a":{"dtype":"F32","dtype":"F32"}})", ""), "twice"},
      {file_of(R"({"a":{"strides":[1]}})", ""), "unknown field"},
      {file_of("{" + tensor_json("a", "f32", "[2]", 0, 8) + "}", eight), "dtype 'f32'"},
      {file_of("{" + tensor_json("a", "F4", "[2]", 0, 8) + "}", eight), "dtype 'F4'"},
      {file_of("{" + tensor_json("a", "F32", "[-2]", 0, 8) + "}", eight), "negative"},
      {file_of("{" + tensor_json("a", "F32", "[2.0]", 0, 8) + "}", eight), "fraction"},
      {file_of("{" + tensor_json("a", "F32", "[\"2\"]", 0, 8) + "}", eight), "string"},
      {file_of("{" + tensor_json("a", "F32", "[[2]]", 0, 8) + "}", eight), "array"},
      {file_of("{" + tensor_json("a", "F32", "2", 0, 8) + "}", eight), "number"},
      {file_of("{" + tensor_json("a", "F32", "[18446744073709551616]", 0, 8) + "}", eight),
       "too large"},
      {file_of("{" + tensor_json("a", "F32", "[18446744073709551615]", 0, 8) + "}", eight), "2^63"},
      {file_of("{" + tensor_json("a", "F32", "[4611686018427387904,4,1]", 0, 0) + "}", ""),
       "does not fit"},
      {file_of("{" + tensor_json("a", "F32", "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,2]", 0, 8) + "}",
               eight),
       "dimensions"},
      {file_of("{" + tensor_json("a", "F32", "[3]", 0, 8) + "}", eight), "does not fit"},
      {file_of("{" + tensor_json("a", "F32", "[2]", 8, 0) + "}", eight), "does not fit"},
      {file_of(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0]}})", eight), "two numbers"},
      {file_of("{" + tensor_json("a", "F32", "[2]", 8, 16) + "}", eight + eight), "hole"},
      {file_of("{" + a + "," + tensor_json("b", "F32", "[2]", 16, 24) + "}", eight + eight + eight),
       "hole"},
      {file_of("{" + a + "," + tensor_json("b", "F32", "[2]", 4, 12) + "}", eight + "1234"),
       "overlap"},
      {file_of("{" + tensor_json("a", "F32", "[200]", 0, 800) + "}", eight), "cut off: 792 bytes"},
      {file_of("{" + a + "}", eight + "1"), "1 bytes follow"},
      {file_of("{" + a + "}", "1234567"), "cut off: 1 bytes"},
      {file_of("{}", "x"), "1 bytes follow"},
      {file_of("{\"a\":" + std::string(1'000'000, '[') + "}", ""), "array"},
      {file_of("{\"a\":{\"dtype\":" + std::string(1'000'000, '[') + "}", ""), "array"},
  };
  for (const Case& c : cases) {
    write_bytes(folder / "bad.safetensors", c.bytes);
    const auto error = caught([&] { TensorFile file(folder / "bad.safetensors"); });
    INFO(c.fault << " in: " << error.text);
    CHECK(error.kind == 3);
    CHECK(error.one_line());
    CHECK(error.names("bad.safetensors"));
    CHECK(error.names(c.fault));
  }
}

TEST_CASE("safetensors: a million empty tensors are refused") {
  std::string header = "{";
  for (int i = 0; i < 1'000'000; ++i) {
    if (i) header += ',';
    header += tensor_json(std::to_string(i), "U8", "[0]", 0, 0);
  }
  CHECK(
      caught([&] { parse_tensor_header(header + "}", 0, "x"); }).names("more than 100000 tensors"));
}

TEST_CASE("safetensors: legal oddities are accepted") {
  const TempFolder folder;
  const std::string eight(8, '\0');
  for (const std::string& header : {std::string("{}"), "{}" + std::string(4094, ' '),
                                    "{" + tensor_json("z", "U8", "[0]", 0, 0) + "," +
                                        tensor_json("y", "I64", "[0,9]", 0, 0) + "}"}) {
    write_bytes(folder / "x", file_of(header, ""));
    CHECK(caught([&] { TensorFile file(folder / "x"); }).text == "");
  }
  // Written out of order, one byte off alignment, and with the fields in another order.
  write_bytes(folder / "x",
              file_of("{" + tensor_json("b", "F32", "[1]", 1, 5) +
                          R"(, "a": {"data_offsets":[0,1],"shape":[],"dtype":"BOOL"}})",
                      std::string("\x01\x00\x00\x80\x3f", 5)));
  const TensorFile file(folder / "x");
  CHECK(file.tensors()[0].name == "b");
  CHECK(file.values<float>("b") == std::vector<float>{1});
  CHECK(file.values<std::int64_t>("a") == std::vector<std::int64_t>{1});
}

TEST_CASE("safetensors: folders, pipes and missing files are named, not waited for") {
  const TempFolder folder;
  CHECK(caught([&] { TensorFile file(folder / "absent"); }).names("No such file"));
  CHECK(caught([&] { TensorFile file(folder.path().string()); }).names("a folder"));
  CHECK(caught([&] { TensorFile file("/dev/zero"); }).names("a pipe or a device"));
  CHECK(caught([&] { TensorFile file("a\nb"); }).one_line());
}

TEST_CASE("safetensors: the writer refuses what no reader could take") {
  const TempFolder folder;
  const std::vector<float> v{1, 2};
  const auto write = [&](std::vector<StoredTensor> tensors) {
    return caught([&] { write_safetensors(folder / "x", tensors); });
  };
  CHECK(write({stored("", StoredType::f32, {2}, v)}).names("not allowed"));
  CHECK(write({stored("__metadata__", StoredType::f32, {2}, v)}).names("not allowed"));
  CHECK(write({stored("\xff", StoredType::f32, {2}, v)}).names("not allowed"));
  CHECK(write({stored("a", StoredType::f32, {3}, v)}).names("comes with 8 bytes"));
  CHECK(write({stored("a", StoredType::f32, {2}, v), stored("a", StoredType::f32, {2}, v)})
            .names("twice"));
  CHECK(write({stored("a", StoredType::f32, {2}, v), stored("a", StoredType::f64, {1}, v)})
            .names("twice"));
  CHECK(write({stored("a", StoredType::f32, {2}, v), stored("b", StoredType::f64, {1}, v),
               stored("a", StoredType::f64, {1}, v)})
            .names("twice"));
  CHECK_FALSE(std::filesystem::exists(folder / "x"));
}

TEST_CASE("safetensors: the shared checkpoints") {
  const std::string checkpoints = test::in_shared("goldens/checkpoints"),
                    maths = test::in_shared("goldens/maths");
  if (checkpoints.empty() || maths.empty()) return;
  int refused = 0;
  for (const auto& entry : std::filesystem::directory_iterator(checkpoints)) {
    const std::string name = entry.path().filename().string();
    if (entry.path().extension() != ".safetensors") continue;
    const auto error = caught([&] { TensorFile file(entry.path().string()); });
    INFO(name << ": " << error.text);
    if (name.starts_with("bad_")) {
      ++refused;
      CHECK((error.kind == 3 && error.one_line() && error.names(name)));
    } else {
      CHECK(error.text == "");
    }
  }
  CHECK(refused > 0);
  for (const auto& entry : std::filesystem::directory_iterator(maths))
    CHECK(caught([&] { TensorFile file(entry.path().string()); }).text == "");
}

}  // namespace
}  // namespace peclr
