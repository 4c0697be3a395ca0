// SPDX-License-Identifier: Apache-2.0
// Pictures that are kept, and bad ones that are left out.
#include "data/picture_cache.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "data/loader.h"
#include "engine/error.h"
#include "engine/host_memory.h"
#include "tests/support/files.h"

using namespace peclr;
using test::Caught;
using test::caught;

namespace fs = std::filesystem;

namespace {

// Twelve pictures, each of one colour that tells its number; `bad` ones are text.
struct Folder {
  test::TempFolder folder;
  std::vector<PictureSet> sets;

  explicit Folder(const std::vector<int>& bad, int side = 8) {
    for (int i = 0; i < 12; ++i) {
      const std::string path = folder / fmt::format("{:02d}.png", i);
      Image image(side, side);
      for (std::uint8_t& byte : image.pixels) byte = static_cast<std::uint8_t>(20 * i);
      write_png(path, image);
      if (std::count(bad.begin(), bad.end(), i)) test::write_bytes(path, "no picture");
    }
    sets.push_back(open_pictures(folder.path(), Split::training));
  }
};

std::vector<PictureId> in_order() {
  std::vector<PictureId> order;
  for (int i = 0; i < 12; ++i) order.push_back({0, i});
  return order;
}

}  // namespace

TEST_CASE("what fits is read once, the rest every time") {
  const Folder folder({}, 8);
  PictureCache all(folder.sets, {}), three(folder.sets, {.max_bytes = 3 * 8 * 8 * 4});
  for (const PictureId id : in_order()) {
    all.get(id);
    three.get(id);
  }
  CHECK(all.bytes() == 12 * 8 * 8 * 4);
  CHECK(three.bytes() == 3 * 8 * 8 * 4);
  for (const std::string& file : folder.sets[0].files) fs::remove(folder.sets[0].root / file);
  for (int i = 0; i < 12; ++i) {
    CHECK(all.get({0, i})->image.at(3, 3)[0] == 20 * i);
    CHECK((caught([&] { three.get({0, i}); }).kind == 0) == (i < 3));
  }
  CHECK(most_cache_bytes() > 0);
  CHECK(most_cache_bytes() == host_memory_bytes() / 2);
}

TEST_CASE("large pictures are reduced once, at load") {
  const Folder folder({}, 65);
  PictureCache cache(folder.sets, {.target = 16});
  const auto picture = cache.get({0, 7});
  CHECK(picture->factor == 4);
  CHECK(picture->image.width == 16);
  CHECK(picture->image.at(15, 15)[2] == 140);
  CHECK(cache.get({0, 7}) == picture);
}

TEST_CASE("pixels that a device keeps are dropped, and memory is free for others") {
  const Folder folder({});
  constexpr std::size_t kOne = 8 * 8 * 4;
  PictureCache cache(folder.sets, {.max_bytes = 2 * kOne});
  for (int i = 0; i < 2; ++i) cache.get({0, i});
  cache.drop_pixels({0, 0}, *cache.get({0, 0}), PictureHome::device);
  CHECK(cache.bytes() == kOne);
  cache.drop_pixels({0, 1}, *cache.get({0, 1}), PictureHome::pinned);
  CHECK(cache.bytes() == kOne);
  CHECK(cache.dropped(PictureHome::device) == 1);
  CHECK(cache.dropped(PictureHome::pinned) == 1);
  for (int i = 0; i < 2; ++i) {
    const auto outline = cache.get({0, i});
    CHECK(outline->image.pixels.empty());
    CHECK(outline->image.width == 8);
    CHECK(outline->factor == 1);
  }
  for (int i = 2; i < 5; ++i) CHECK(cache.get({0, i})->image.at(3, 3)[0] == 20 * i);
  CHECK(cache.bytes() == 2 * kOne);
}

TEST_CASE("a bad picture is replaced by the next good one of the order") {
  const Folder folder({3, 4, 11});
  std::vector<PictureId> order = in_order();
  PictureCache cache(folder.sets, {});
  BadPictures bad(12, 0.5);
  for (const auto& [position, used] : {std::pair{2, 2}, {3, 5}, {4, 5}, {5, 5}, {11, 0}}) {
    const UsedPicture got = read_or_next(cache, bad, order, position);
    CHECK(got.id == PictureId{0, used});
    CHECK(got.picture->image.at(0, 0)[0] == 20 * used);
  }
  std::swap(order[4], order[9]);
  CHECK(read_or_next(cache, bad, order, 3).id == PictureId{0, 9});
  CHECK(bad.count() == 3);
  // Mended meanwhile: still left out, or the run could not be repeated.
  fs::copy_file(folder.folder / "05.png", folder.folder / "03.png",
                fs::copy_options::overwrite_existing);
  CHECK(read_or_next(cache, bad, in_order(), 3).id == PictureId{0, 5});
  const std::string summary = bad.summary();
  CHECK(summary.starts_with("3 of 12 pictures could not be read and were skipped:\n"));
  CHECK(summary.find("03.png: not a picture") < summary.find("04.png"));
  CHECK(BadPictures(12, 0.5).summary().empty());
}

TEST_CASE("as many bad pictures as data.max_bad says may be, and not one more") {
  BadPictures bad(12, 0.25);
  for (const int i : {3, 4, 11}) CHECK_NOTHROW(bad.add({0, i}, "cannot be read"));
  CHECK(caught([&] { bad.add({0, 5}, "cannot be read"); }).names("4 of 12 pictures"));
}

TEST_CASE("too many bad pictures stop the run and are named") {
  const Folder folder({3, 4, 11});
  PictureCache cache(folder.sets, {});
  BadPictures bad(12, 0.2);  // two of twelve may be
  read_or_next(cache, bad, in_order(), 3);
  CHECK(bad.count() == 2);
  read_or_next(cache, bad, in_order(), 3);  // the same two again
  const Caught error = caught([&] { read_or_next(cache, bad, in_order(), 11); });
  CHECK(error.kind == static_cast<int>(ErrorKind::data));
  CHECK(error.one_line());
  CHECK(error.names("3 of 12 pictures"));
  CHECK(error.names("data.max_bad"));
  CHECK(error.names("03.png"));
  CHECK(error.names("11.png"));

  const Folder hopeless({0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  PictureCache none(hopeless.sets, {});
  BadPictures tolerant(12, 1);
  CHECK(caught([&] { read_or_next(none, tolerant, in_order(), 0); }).names("12 of 12"));
}

TEST_CASE("a failure that is not the picture's fault is passed on") {
  const Folder folder({});
  PictureCache cache(folder.sets, {});
  BadPictures bad(12, 0.5);
  const std::vector<PictureId> beyond = {{0, 99}};
  CHECK(caught([&] { read_or_next(cache, bad, beyond, 0); }).kind ==
        static_cast<int>(ErrorKind::failure));
  CHECK(bad.count() == 0);
}

TEST_CASE("whole epochs from disk: equal for any number of threads, bad pictures included") {
  const Folder folder({2, 9});
  const Mixture mixture = make_mixture(std::vector<std::int64_t>{12}, std::vector<double>{0}, 8);
  constexpr int kEpochs = 5, kBatch = 4, kPerEpoch = 3;
  auto run = [&](int threads, std::size_t cache_bytes) {
    PictureCache cache(folder.sets, {.max_bytes = cache_bytes});
    BadPictures bad(12, 0.5);
    EpochOrders orders(mixture);
    std::vector<int> ring(2 * kBatch), seen;
    Loader loader(
        {.threads = threads, .slots = 2, .items = kBatch, .end_batch = kEpochs * kPerEpoch},
        [&](const LoaderItem& item) {
          const auto order = orders.of(item.batch / kPerEpoch);
          const std::int64_t position = item.batch % kPerEpoch * kBatch + item.item;
          const UsedPicture used = read_or_next(cache, bad, *order, position);
          ring[std::size_t(item.slot * kBatch + item.item)] = used.picture->image.at(1, 1)[0] / 20;
        });
    for (int b = 0; b < kEpochs * kPerEpoch; ++b) {
      const int slot = loader.next();
      seen.insert(seen.end(), ring.begin() + slot * kBatch, ring.begin() + (slot + 1) * kBatch);
    }
    CHECK(bad.count() == 2);
    return seen;
  };
  std::vector<int> want;
  for (int epoch = 0; epoch < kEpochs; ++epoch) {
    const std::vector<PictureId> order = epoch_order(mixture, epoch);
    for (std::size_t at = 0; at < order.size(); ++at) {
      std::size_t good = at;
      while (order[good].index == 2 || order[good].index == 9) good = (good + 1) % order.size();
      want.push_back(order[good].index);
    }
  }
  for (const int threads : {1, 4}) {
    CHECK(run(threads, 1 << 20) == want);
    CHECK(run(threads, 0) == want);
  }
}
