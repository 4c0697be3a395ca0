// SPDX-License-Identifier: Apache-2.0
// Pictures that the device keeps: the views are those of pictures that come each time, bit for bit,
// and what is kept is not sent again.
#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <thread>
#include <vector>

#include "engine/backend.h"
#include "engine/gpu/augment.h"
#include "kernels/random.h"
#include "tests/support/device.h"

namespace peclr::test {
namespace {

constexpr int kWidth = 40, kHeight = 32, kSide = 16;
// Where it is kept; a multiple of 64, to which places are rounded.
constexpr std::size_t kBytes = 4 * kernels::source_pitch(kWidth) * kHeight;

struct Pictures {
  std::vector<std::vector<std::uint8_t>> pixels;
  std::uint64_t first_number;

  explicit Pictures(int count, std::uint64_t first) : first_number(first) {
    Rng rng = Rng::of(first, 7);
    for (int i = 0; i < count; ++i)
      for (auto& level : pixels.emplace_back(4 * kWidth * kHeight))
        level = std::uint8_t(rng.below(256));
  }
  int count() const { return static_cast<int>(pixels.size()); }

  AugmentRequest request(int i, std::uint64_t number, int epoch) const {
    AugmentParams params = view_pixels({10. * i + 30. * epoch, {20, 15}, 5, 2, 28, 28, kSide});
    params.border = Border::reflect;
    return {pixels[std::size_t(i)].data(), kWidth, kHeight, params, i, number};
  }
  std::uint64_t number(int i) const { return first_number + static_cast<std::uint64_t>(i); }
};

Tensor batch(int count) { return Tensor(device(), {count, kSide, kSide, 4}, DType::f32); }

// Without a number nothing is kept: tests of augmentation say that this is right.
std::vector<float> sent_each_time(const Pictures& pictures, int epoch) {
  const Tensor images = batch(pictures.count());
  for (int i = 0; i < pictures.count(); ++i) {
    const AugmentRequest request = pictures.request(i, 0, epoch);
    device().augment({&request, 1}, images);
  }
  device().finish_augment(images);
  return images.to_host();
}

TEST_CASE("kept pictures: a backend makes the same views of them", "[kernels][augment]") {
  const Pictures pictures(6, 1'000'000);
  const auto home = [&](int i) { return device().picture_home(pictures.number(i)); };
  const auto run = [&](int epoch) {
    const Tensor images = batch(pictures.count());
    for (int i = 0; i < pictures.count(); ++i) {
      AugmentRequest request = pictures.request(i, pictures.number(i), epoch);
      if (home(i) != PictureHome::caller) request.source = nullptr;
      device().augment({&request, 1}, images);
    }
    device().finish_augment(images);
    return images.to_host();
  };
  CHECK(run(0) == sent_each_time(pictures, 0));
  for (int i = 0; i < pictures.count(); ++i) CHECK(home(i) == PictureHome::caller);
  REQUIRE(device().keep_pictures({std::size_t{1} << 20, 0}));
  for (int epoch = 1; epoch < 4; ++epoch) {
    CHECK(run(epoch) == sent_each_time(pictures, epoch));
    for (int i = 0; i < pictures.count(); ++i) CHECK(home(i) == PictureHome::device);
  }
}

// On the emulator, whose memory the test can look at.
#if defined(PECLR_SIMT)

// Counts what is sent, and has `room_left` bytes of the device's memory.
struct CountingStaging final : gpu::PlainStaging {
  std::size_t room() override { return room_left; }
  void upload(const std::byte* from, std::byte* to, std::size_t bytes) override {
    (bytes == kBytes ? pictures : others) += 1;
    PlainStaging::upload(from, to, bytes);
  }
  std::size_t room_left = std::size_t{1} << 30;
  std::atomic<int> pictures{0}, others{0};
};

struct Kept {
  CountingStaging staging;
  gpu::Augmenter augmenter{staging};
  Pictures pictures{6, 1};

  PictureHome home(int i) { return augmenter.home(pictures.number(i)); }
  int at(PictureHome wanted) {
    int count = 0;
    for (int i = 0; i < pictures.count(); ++i) count += home(i) == wanted;
    return count;
  }
  // The views of an epoch; how many pictures were sent.
  int run(int epoch) {
    const int before = staging.pictures;
    const Tensor images = batch(pictures.count());
    for (int i = 0; i < pictures.count(); ++i) {
      AugmentRequest request = pictures.request(i, pictures.number(i), epoch);
      if (home(i) != PictureHome::caller) request.source = nullptr;
      augmenter.augment({&request, 1}, images);
    }
    augmenter.finish(images, nullptr);
    CHECK(images.to_host() == sent_each_time(pictures, epoch));
    return staging.pictures - before;
  }
};

TEST_CASE("kept pictures: in the device's memory, none is sent twice", "[kernels][augment]") {
  Kept kept;
  CHECK(kept.run(0) == 6);
  CHECK(kept.at(PictureHome::caller) == 6);
  kept.augmenter.keep({std::size_t{1} << 20, std::size_t{1} << 20});
  CHECK(kept.run(1) == 6);
  CHECK(kept.at(PictureHome::device) == 6);
  CHECK(kept.run(2) == 0);
  CHECK(kept.run(3) == 0);
  CHECK(kept.staging.others == 4);  // the tables of views
}

TEST_CASE("kept pictures: pinned memory sends them without the caller", "[kernels][augment]") {
  Kept kept;
  kept.augmenter.keep({0, std::size_t{1} << 20});
  CHECK(kept.run(0) == 6);
  CHECK(kept.at(PictureHome::pinned) == 6);
  CHECK(kept.run(1) == 6);
}

TEST_CASE("kept pictures: as many as fit, the device's memory first", "[kernels][augment]") {
  Kept kept;
  kept.augmenter.keep({3 * kBytes, 2 * kBytes});
  kept.run(0);
  CHECK(kept.at(PictureHome::device) == 3);
  CHECK(kept.at(PictureHome::pinned) == 2);
  CHECK(kept.at(PictureHome::caller) == 1);
  CHECK(kept.run(1) == 3);
  SECTION("and more where more is allowed") {
    kept.augmenter.keep({4 * kBytes, 2 * kBytes});
    kept.staging.room_left = kBytes;
    kept.run(2);
    CHECK(kept.at(PictureHome::device) == 4);
    CHECK(kept.run(3) == 2);
  }
  SECTION("what is kept stays where less is allowed, and no more comes") {
    kept.augmenter.keep({kBytes, 0});
    CHECK(kept.run(2) == 3);
    CHECK(kept.at(PictureHome::device) == 3);
    CHECK(kept.at(PictureHome::pinned) == 2);
  }
  SECTION("not where the device has no room") {
    kept.augmenter.keep({6 * kBytes, 2 * kBytes});
    kept.staging.room_left = kBytes - 1;
    kept.run(2);
    CHECK(kept.at(PictureHome::device) == 3);
  }
}

TEST_CASE("kept pictures: from many threads, each once", "[kernels][augment]") {
  Kept kept;
  kept.augmenter.keep({std::size_t{1} << 20, 0});
  const Tensor images[] = {batch(6), batch(6)};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int k = t; k < 12; k += 2) {  // every view is asked for by two of them
        const AugmentRequest request = kept.pictures.request(k % 6, kept.pictures.number(k % 6), 0);
        kept.augmenter.augment({&request, 1}, images[k / 6]);
      }
    });
  for (std::thread& thread : threads) thread.join();
  const std::vector<float> want = sent_each_time(kept.pictures, 0);
  for (const Tensor& t : images) {
    kept.augmenter.finish(t, nullptr);
    CHECK(t.to_host() == want);
  }
  CHECK(kept.at(PictureHome::device) == 6);
  CHECK(kept.run(1) == 0);
}

TEST_CASE("kept pictures: two under one number are taken for one, which the tests would see",
          "[kernels][augment]") {
  Kept kept;
  kept.augmenter.keep({std::size_t{1} << 20, 0});
  const Tensor images = batch(6);
  for (int i = 0; i < 2; ++i) {
    AugmentRequest request = kept.pictures.request(i, 1, 0);
    kept.augmenter.augment({&request, 1}, images);
  }
  kept.augmenter.finish(images, nullptr);
  const std::vector<float> got = images.to_host(), want = sent_each_time(kept.pictures, 0);
  constexpr std::ptrdiff_t row = kSide * kSide * 4;
  CHECK(std::equal(got.begin(), got.begin() + row, want.begin()));
  CHECK_FALSE(std::equal(got.begin() + row, got.begin() + 2 * row, want.begin() + row));
}

TEST_CASE("kept pictures: one without pixels that is not kept is refused", "[kernels][augment]") {
  Kept kept;
  AugmentRequest request = kept.pictures.request(0, 1, 0);
  request.source = nullptr;
  CHECK_THROWS_WITH(kept.augmenter.augment({&request, 1}, batch(6)),
                    Catch::Contains("without pixels"));
}

#endif

}  // namespace
}  // namespace peclr::test
