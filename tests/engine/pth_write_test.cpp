// SPDX-License-Identifier: Apache-2.0
// The PyTorch file that we write: the pickle spelt out byte by byte, the archive as Python's own
// zipfile and pickle see it, our reader, and the program's export.
#include <catch2/catch.hpp>
#include <cstdio>
#include <cstdlib>
#include <set>

#include "engine/files/pth.h"
#include "tests/support/pth_checks.h"
#include "tests/support/refusals.h"

namespace peclr {
namespace {

using namespace test;
using namespace std::string_literals;

constexpr const char* kReadByPython = R"(
import collections, pickle, struct, sys, zipfile
archive = zipfile.ZipFile(sys.argv[1])
assert archive.testzip() is None
raw = open(sys.argv[1], "rb").read()
for entry in archive.infolist():
    name, extra = struct.unpack_from("<HH", raw, entry.header_offset + 26)
    begin = entry.header_offset + 30 + name + extra
    assert entry.compress_type == zipfile.ZIP_STORED and begin % 64 == 0, entry
    assert raw[begin:begin + entry.file_size] == archive.read(entry)
    print(entry.filename)
class Reader(pickle.Unpickler):
    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"): return collections.OrderedDict
        if name.endswith("Storage"): return module + "." + name
        assert (module, name) == ("torch._utils", "_rebuild_tensor_v2")
        return lambda *arguments: arguments
    def persistent_load(self, key): return key
state = Reader(archive.open("archive/data.pkl")).load()
assert type(state) is collections.OrderedDict
for name, tensor in state.items():
    print(ascii(name), tensor, archive.read("archive/data/" + tensor[0][2]).hex())
print(archive.read("archive/byteorder"), archive.read("archive/version"))
)";

// What a command prints; nothing where there is no python3.
std::string python_says(const std::string& script, const std::string& argument) {
  const std::string command = "python3 '" + script + "' '" + argument + "' 2>&1";
  if (std::system("command -v python3 >/dev/null") != 0) return "";
  std::string text;
  FILE* const pipe = ::popen(command.c_str(), "r");
  REQUIRE(pipe);
  for (int c = 0; (c = std::fgetc(pipe)) != EOF;) text += static_cast<char>(c);
  CHECK(::pclose(pipe) == 0);
  return text;
}

TEST_CASE("pth: what is written is what Python's own modules read") {
  const TempFolder folder;
  write_pth(folder / "w.pth", small_tensors());
  write_bytes(folder / "read.py", kReadByPython);
  const std::string text = python_says(folder / "read.py", folder / "w.pth");
  if (text.empty()) return;
  CHECK(text ==
        "archive/data.pkl\narchive/byteorder\narchive/data/0\narchive/data/1\narchive/data/2\n"
        "archive/version\n"
        "'layer.weight' (('storage', 'torch.FloatStorage', '0', 'cpu', 6), 0, (2, 3), (3, 1), "
        "False, OrderedDict()) 0000803f0000004000004040000080400000a0400000c040\n"
        "'bn.num_batches_tracked' (('storage', 'torch.LongStorage', '1', 'cpu', 1), 0, (), (), "
        "False, OrderedDict()) 07ca9a3b00000000\n"
        "'d\\xe9' (('storage', 'torch.DoubleStorage', '2', 'cpu', 2), 0, (2,), (1,), False, "
        "OrderedDict()) 9a9999999999b93f9c7500883ce437fe\n"
        "b'little' b'3\\n'\n");
}

TEST_CASE("pth: the pickle that is written, spelt out") {
  const TempFolder folder;
  const float values[2] = {1, 2};
  const std::vector<StoredTensor> tensors{
      {"w", StoredType::f32, {2, 1}, std::as_bytes(std::span(values))}};
  write_pth(folder / "w.pth", tensors);
  const std::string bytes = read_bytes(folder / "w.pth"),
                    pickle =
                        "\x80\x02"
                        "ccollections\nOrderedDict\n)R("
                        "X\x01\0\0\0w"
                        "ctorch._utils\n_rebuild_tensor_v2\n("
                        "(X\x07\0\0\0storage"
                        "ctorch\nFloatStorage\n"
                        "X\x01\0\0\0"
                        "0"
                        "X\x03\0\0\0cpuJ\x02\0\0\0tQ"
                        "J\0\0\0\0"
                        "(J\x02\0\0\0J\x01\0\0\0t(J\x01\0\0\0J\x01\0\0\0t"
                        "\x89"
                        "ccollections\nOrderedDict\n)RtR"
                        "u."s;
  CHECK(bytes.substr(0, 4) == "PK\x03\x04");
  CHECK(bytes.substr(64, pickle.size()) == pickle);
  CHECK(bytes.find("\0\0\x80\x3f\0\0\0\x40"s) % 64 == 0);
  write_pth(folder / "again.pth", tensors);
  CHECK(read_bytes(folder / "again.pth") == bytes);
}

TEST_CASE("pth: what is written is read back, and a changed value is noticed") {
  const TempFolder folder;
  const std::string path = folder / "w.pth";
  const std::vector<StoredTensor> tensors = small_tensors();
  write_pth(path, tensors);
  const TensorFile file(path);
  REQUIRE(file.tensors().size() == tensors.size());
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const StoredTensor &got = file.tensors()[i], &want = tensors[i];
    CHECK((got.name == want.name && got.type == want.type && got.shape == want.shape));
    CHECK(std::equal(got.bytes.begin(), got.bytes.end(), want.bytes.begin(), want.bytes.end()));
  }
  std::string bytes = read_bytes(path);
  bytes[bytes.find("\0\0\x80\x3f"s)] ^= 1;
  pth_refused(bytes, "checksum is wrong");
}

TEST_CASE("pth: what cannot be written leaves the old file") {
  const TempFolder folder;
  const std::string path = folder / "w.pth";
  write_bytes(path, "old");
  const float value = 1;
  const auto one = std::as_bytes(std::span(&value, 1));
  const std::vector<StoredTensor> bad[] = {
      {{"w", StoredType::f32, {}, one}, {"w", StoredType::f32, {}, one}},
      {{"w\xff", StoredType::f32, {}, one}},
      {{"w", StoredType::f32, {2}, one}},
      {{"w", StoredType::f32, {-1, -1}, one}},
      {{"w", StoredType::u32, {}, one}}};
  for (const std::vector<StoredTensor>& tensors : bad) {
    CHECK(caught([&] { write_pth(path, tensors); }).kind == kFailure);
    CHECK(read_bytes(path) == "old");
  }
  CHECK(caught([&] { write_pth(folder / "no/w.pth", {}); }).kind == kFailure);
}

using Names = std::set<std::string>;

Names names_in(const TensorFile& file) {
  Names names;
  for (const StoredTensor& t : file.tensors()) names.insert(t.name);
  return names;
}

TEST_CASE("pth: export writes a network's tensors under the names of its safetensors file") {
  const TempFolder folder;
  const std::string network = hand_network(folder), file = folder / "hand.pth";
  const ProgramResult hand = run_peclr({"export", network, "--out", file});
  INFO(described(hand));
  REQUIRE(hand.exit_code == 0);
  CHECK(hand.says("hand network, ResNet-18"));
  const TensorFile stored(network), written(file);
  CHECK(names_in(written) == names_in(stored));
  for (const StoredTensor& want : stored.tensors()) {
    INFO(want.name);
    const StoredTensor& got = written.at(want.name, want.shape);
    CHECK(got.type == want.type);
    CHECK(std::equal(got.bytes.begin(), got.bytes.end(), want.bytes.begin(), want.bytes.end()));
  }
  refused({"export", file, "--out", file}, kUsage, {file, "overwrite the weights"});
  refused({"export", network, "--out", folder / "no/hand.pth"}, kFailure, {folder / "no/hand.pth"});

  // Of a pre-trained one, the encoder.
  const std::string set = pictures(folder, "set", 3), out = folder / "run";
  REQUIRE(run_peclr(pretrain(set, out)).exit_code == 0);
  REQUIRE(run_peclr({"export", out + "/model.safetensors", "--out", file}).exit_code == 0);
  Names encoder = names_in(TensorFile(out + "/model.safetensors"));
  CHECK(std::erase_if(encoder, [](const std::string& name) {
          return name.starts_with("projection_head.");
        }) > 0);
  CHECK(names_in(TensorFile(file)) == encoder);
}

}  // namespace
}  // namespace peclr
