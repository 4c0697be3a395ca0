// SPDX-License-Identifier: Apache-2.0
// PyTorch's first form, a tar archive: parameters, views, and all that can be wrong in it. That it
// gives tensors back, and that no changed byte does harm, is tested with the other forms.
#include "engine/files/pth_tar.h"

#include <catch2/catch.hpp>
#include <cstring>

#include "tests/support/pth_checks.h"
#include "tests/support/pth_writer.h"
#include "tests/support/refusals.h"

namespace peclr {
namespace {

using namespace test;

constexpr std::int64_t kStorage = 10, kTensor = 11;  // keys

// A tar file of one tensor of 6 numbers, with one part another.
struct TarBent {
  std::string value = ordered_dict(op::text("w") + tar_value(kTensor));
  std::string storage = tar_storage(kStorage, 6, floats(6)), views = "";
  std::int64_t storages = 1, count = 1;
  std::string tensor =
      tar_tensor(kTensor, kStorage, std::vector<std::int64_t>{6}, std::vector<std::int64_t>{1});
};
std::string text_of(const TarBent& t) {
  return tar_pth(t.value, tar_storages(t.storages, t.storage, t.views), t.tensor, t.count);
}

std::string tar_view(std::int64_t key, std::int64_t root, std::int64_t first,
                     std::int64_t elements) {
  return op::tuple(op::number(key) + op::number(root) + op::number(first) + op::number(elements));
}

TEST_CASE("pth: in a tar file, too, parameters and views become tensors") {
  const TempFolder folder;
  using Dims = std::vector<std::int64_t>;
  std::string storage(24, '\0');
  std::memcpy(storage.data(), kWeights.data(), 24);
  // As parameters are put down: a call of their class, and the state that is set then.
  const std::string parameter =
      op::global("torch.nn.parameter", "Parameter") + op::tuple(tar_value(3)) + op::kReduce +
      op::tuple("\x88" + op::kFalse + op::global("collections", "OrderedDict") + op::kEmptyTuple +
                op::kReduce) +
      "b";
  const std::string tensors =
      tar_tensor(3, 1, Dims{3, 2}, Dims{1, 3}) + tar_tensor(4, 1, Dims{2}, Dims{1}, 4) +
      tar_tensor(5, 2, Dims{2, 2}, Dims{1, 1}) + tar_tensor(6, 7, Dims{2}, Dims{2}) +
      tar_tensor(8, 7, Dims{}, Dims{}, 1);
  write_bytes(
      folder / "x",
      tar_pth(
          ordered_dict(op::text("turned") + parameter + op::text("end") + tar_value(4) +
                       op::text("view") + tar_value(5) + op::text("inner") + tar_value(6) +
                       op::text("one") + tar_value(8) + op::text("storage") + tar_value(1)),
          tar_storages(1, tar_storage(1, 6, storage), tar_view(2, 1, 1, 3) + tar_view(7, 2, 0, 3)),
          tensors, 5));
  const TensorFile file(folder / "x");
  CHECK(file.tensors().size() == 5);
  CHECK(file.at("turned").shape == Dims{3, 2});
  CHECK(file.values<float>("turned") == std::vector<float>{1, 4, 2, 5, 3, 6});
  CHECK(file.values<float>("end") == std::vector<float>{5, 6});
  CHECK(file.values<float>("view") == std::vector<float>{2, 3, 3, 4});
  CHECK(file.values<float>("inner") == std::vector<float>{2, 4});
  CHECK(file.values<float>("one") == std::vector<float>{3});
}

TEST_CASE("pth: hostile tar files are refused with one line that names file and fault") {
  using Dims = std::vector<std::int64_t>;
  const std::int64_t big = std::int64_t{1} << 33, max = INT64_MAX;
  REQUIRE(reading_pth(text_of({})).kind == 0);
  const auto tensor = [](const Dims& shape, const Dims& strides, std::int64_t offset = 0) {
    return text_of({.tensor = tar_tensor(kTensor, kStorage, shape, strides, offset)});
  };
  pth_refused(tensor({7}, {1}), "reaches beyond the 6");
  pth_refused(tensor({6}, {1}, 1), "reaches beyond the 6");
  pth_refused(tensor({6}, {1}, -1), "reaches beyond");
  pth_refused(tensor({2}, {1}, max), "reaches beyond");
  pth_refused(tensor({2}, {-1}), "no whole number from 0");
  pth_refused(tensor({-2}, {1}), "no whole number from 0");
  pth_refused(tensor({big, big}, {0, 0}), "reaches beyond");
  pth_refused(tensor({big}, {0}), "repeats its values");
  pth_refused(tensor({2, 2}, {max, max}), "reaches beyond");
  pth_refused(tensor(Dims(17, 1), Dims(17, 1)), "more than 16 dimensions");
  std::string many = tar_tensor(kTensor, kStorage, Dims{6}, Dims{1});
  many[many.size() - 32 + 3] = '\x80';  // -2147483647 dimensions
  pth_refused(text_of({.tensor = many}), "more than 16 dimensions");
  pth_refused(text_of({.tensor = tar_tensor(kTensor, 77, Dims{6}, Dims{1})}), "has no storage");
  pth_refused(text_of({.tensor = tar_tensor(12, kStorage, Dims{6}, Dims{1})}),
              "tensor '11' is missing");
  pth_refused(text_of({.count = 2}), "its pickle is cut off");
  pth_refused(text_of({.count = -1}), "its list of tensors is damaged");
  pth_refused(text_of({.count = max}), "its pickle is cut off");
  const std::string one = tar_tensor(kTensor, kStorage, Dims{6}, Dims{1});
  pth_refused(text_of({.count = 2, .tensor = one + one}), "its list of tensors is damaged");
  pth_refused(text_of({.tensor = one.substr(0, one.size() - 4)}), "cut off in tensor 11");
  pth_refused(text_of({.tensor = pickle(op::number(1))}), "its list of tensors is damaged");
  pth_refused(text_of({.tensor = pickle(op::text(std::string(5000, 'x')))}), "is cut off");

  const auto storage = [](std::int64_t elements, std::string_view type = "FloatStorage") {
    return text_of({.storage = tar_storage(kStorage, elements, floats(6), type)});
  };
  pth_refused(storage(max), "cut off in storage '10'");
  pth_refused(storage(-1), "cut off in storage '10'");
  pth_refused(storage(1'000'000), "cut off in storage '10'");
  pth_refused(storage(3, "QInt8Storage"), "storage '10' is of a type that is not read");
  const std::string six = tar_storage(kStorage, 6, floats(6));
  pth_refused(text_of({.storage = six + six, .storages = 2}), "its list of storages is damaged");
  pth_refused(text_of({.storage = pickle(op::number(1))}), "its list of storages is damaged");
  pth_refused(text_of({.storages = -1}), "its list of storages is damaged");
  pth_refused(text_of({.storages = max}), "its list of storages is damaged");
  for (const auto& view :
       {tar_view(12, 77, 0, 1), tar_view(12, kStorage, 7, 0), tar_view(12, kStorage, 0, 7),
        tar_view(12, kStorage, 3, 4), tar_view(12, kStorage, -1, 1), tar_view(12, kStorage, 1, max),
        tar_view(kStorage, kStorage, 0, 1), op::number(5)})
    pth_refused(text_of({.views = view}), "its list of storages is damaged");
  // A tensor that lies in its storage, but not in its part of it.
  pth_refused(text_of({.views = tar_view(12, kStorage, 1, 3),
                       .tensor = tar_tensor(kTensor, 12, Dims{4}, Dims{1})}),
              "reaches beyond");
  pth_refused(text_of({.value = op::kDict}), "holds no tensors");
  pth_refused(text_of({.value = ordered_dict(op::text("w") + op::global("os", "system") +
                                             op::tuple(op::text("echo hello")) + op::kReduce)}),
              "calls 'os.system', which has no place");
  pth_refused(tar({{"sys_info",
                    pickle(op::kDict + op::text("little_endian") + op::kFalse + op::kSetItem)}}),
              "big-endian");
}

TEST_CASE("pth: tar archives that are not what they should be") {
  const std::string good = tar_pth(small_tensors());
  pth_refused(tar({{"a.txt", "text"}}), "a tar archive, but not one of PyTorch");
  pth_refused(tar({{"pickle", "x"}, {"pickle", "y"}}), "holds 'pickle' twice");
  pth_refused(good.substr(0, good.size() - 1024), "a tar archive that is cut off");
  pth_refused(good.substr(0, 600), "a tar archive that is cut off");
  const auto with_byte = [&](std::size_t at, char byte) {
    std::string bytes = good;
    bytes[at] = byte;
    return bytes;
  };
  pth_refused(with_byte(100, '7'), "a damaged header at byte 0");  // the sum is another
  pth_refused(with_byte(124, '9'), "a damaged header at byte 0");  // no octal digit
  pth_refused(with_byte(1024 + 124, 'x'), "a damaged header at byte 1024");
  pth_refused(with_byte(148, '\x80'), "a damaged header at byte 0");  // of the sum
  // A safetensors file whose text looks like one: it stays one.
  const TempFolder folder;
  const std::vector<StoredTensor> tensors = small_tensors();
  write_safetensors(folder / "w", tensors, {{"note", std::string(300, 'x')}});
  const std::size_t note = read_bytes(folder / "w").find("xxxx");
  REQUIRE(note < 257);
  write_safetensors(folder / "w", tensors, {{"note", std::string(257 - note, 'x') + "ustar"}});
  REQUIRE(read_bytes(folder / "w").substr(257, 5) == "ustar");
  CHECK(TensorFile(folder / "w").tensors().size() == 3);
}

}  // namespace
}  // namespace peclr
