// SPDX-License-Identifier: Apache-2.0
// The augmentation kernel and the staging in front of it, through the backend, against sums of
// whole numbers over the definition of a bilinear sample; every format of the output.
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdlib>
#include <thread>
#include <vector>

#include "engine/backend.h"
#include "kernels/augment.h"
#include "kernels/random.h"
#include "tests/simt/orders.h"
#include "tests/support/device.h"

namespace peclr::test {
namespace {

struct Picture {
  int width, height;
  std::vector<std::uint8_t> pixels;

  Picture(int w, int h, std::uint64_t seed) : width(w), height(h), pixels(4 * std::size_t(w) * h) {
    Rng rng = Rng::of(seed, 31);
    for (auto& level : pixels) level = std::uint8_t(rng.below(256));
  }
};

// The level of one channel at a whole place, which may lie outside.
int level_at(const Picture& p, Border border, std::int64_t x, std::int64_t y, int channel) {
  const auto fold = [](std::int64_t at, std::int64_t size) {
    const std::int64_t period = 2 * (size - 1);
    at = std::abs(at) % period;
    return at < size ? at : period - at;
  };
  if (border == Border::reflect) x = fold(x, p.width), y = fold(y, p.height);
  if (x < 0 || y < 0 || x >= p.width || y >= p.height) return 0;
  return p.pixels[4 * std::size_t(y * p.width + x) + std::size_t(channel)];
}

// Of output pixel (i, j), in 65536ths of a level, of all samples together.
std::int64_t sum_of(const Picture& p, const AugmentPlan& plan, int i, int j, int channel) {
  std::int64_t sum = 0;
  for (int b = 0; b < plan.samples_y; ++b)
    for (int a = 0; a < plan.samples_x; ++a) {
      const Position at = sample_position(plan, i, j, a, b);
      const auto rounded = [](std::uint32_t position) {  // to 256ths of a pixel
        return std::int64_t(std::floor((std::int32_t(position) + 64.0) / 128.0));
      };
      const std::int64_t x = rounded(at.x), y = rounded(at.y);
      const auto x0 = std::int64_t(std::floor(double(x) / 256)),
                 y0 = std::int64_t(std::floor(double(y) / 256));
      for (int corner = 0; corner < 4; ++corner) {
        const std::int64_t cx = x0 + (corner & 1), cy = y0 + corner / 2;
        sum += (256 - std::abs(x - 256 * cx)) * (256 - std::abs(y - 256 * cy)) *
               level_at(p, plan.border, cx, cy, channel);
      }
    }
  return sum;
}

// A pixel as it must come out, and by how much rounding may change it.
struct Wanted {
  float channel[3];
};
Wanted wanted(const Picture& p, const AugmentPlan& plan, int i, int j) {
  const double weight = 65536.0 * plan.samples_x * plan.samples_y;
  double level[3];
  for (int c = 0; c < 3; ++c) level[c] = double(sum_of(p, plan, i, j, c)) / weight;
  if (plan.jitter_colour || plan.drop_colour) {
    Rgb c{float(std::floor(level[0] + 0.5)), float(std::floor(level[1] + 0.5)),
          float(std::floor(level[2] + 0.5))};
    if (plan.swap_red_blue) c = swapped(c);
    if (plan.jitter_colour) c = jitter_levels(c, plan.jitter);
    if (plan.drop_colour) c = drop_levels(c);
    if (plan.swap_red_blue) c = swapped(c);
    level[0] = c.r, level[1] = c.g, level[2] = c.b;
  }
  Wanted w;
  for (int c = 0; c < 3; ++c)
    w.channel[c] = float((level[c] - plan.mean[c]) * double(plan.scale[c]));
  return w;
}

struct Job {
  Picture picture;
  AugmentParams params;

  AugmentPlan plan() const { return plan_augment(params, picture.width, picture.height); }
  AugmentRequest request(std::int64_t row) const {
    return {picture.pixels.data(), picture.width, picture.height, params, row};
  }
};

// Views of all kinds: borders, colours, shrunk by up to ten, enlarged, wholly inside or nearly out.
std::vector<Job> make_jobs(int count, int size) {
  std::vector<Job> jobs;
  Rng rng = Rng::of(41, size);
  for (int k = 0; k < count; ++k) {
    const int width = k == 0 ? 2 : 40 + int(rng.below(90));
    const int height = k == 0 ? 2 : 40 + int(rng.below(90));
    const bool inside = k % 3 == 1;
    const double side = inside ? 30 : rng.uniform(5, 300);
    const ViewGeometry view{
        rng.uniform(-180, 180),
        {inside ? width / 2.f : rng.uniform(0, 90), inside ? height / 2.f : rng.uniform(0, 90)},
        inside ? width / 2. - 15 : double(rng.uniform(-99, 40)),
        inside ? height / 2. - 15 : double(rng.uniform(-99, 40)),
        side,
        inside ? side : side * 0.8,
        size};
    AugmentParams params = view_pixels(view);
    params.border = k % 2 ? Border::reflect : Border::black;
    params.scale = k % 4 == 3 ? PixelScale::levels : PixelScale::imagenet;
    params.jitter_colour = k % 4 != 0;
    params.drop_colour = k % 5 == 0;
    params.swap_red_blue = k % 7 > 3;
    params.jitter = {rng.uniform(0.01f, 1), rng.uniform(0.01f, 1), rng.uniform(0.5f, 1),
                     rng.uniform(5, 20)};
    jobs.push_back({Picture(width, height, std::uint64_t(k)), params});
  }
  return jobs;
}

struct Format {
  std::int64_t channels;
  DType dtype;
};

constexpr float kSentinel = -12345.5f;

// Pictures [rows, size, size, channels] with something behind them that must stay as it is.
struct Output {
  static constexpr std::int64_t kBehind = 64;
  Tensor all, images;

  Output(std::int64_t rows, std::int64_t size, Format format)
      : all(device(), {rows * size * size * format.channels + kBehind}, format.dtype),
        images(all.slice(0, {rows, size, size, format.channels})) {
    device().zero(all);
    if (format.dtype == DType::f32)
      all.copy_from_host(std::vector<float>(std::size_t(all.count()), kSentinel));
    untouched = all.to_host().front();
  }
  float untouched;
};

// How many numbers of row `row` are not what they must be.
std::int64_t faults(const std::vector<float>& got, std::int64_t row, std::int64_t size,
                    Format format, const Picture& picture, const AugmentPlan& plan) {
  std::int64_t wrong = 0;
  // Rounding of a sum beyond 2^24 and of three operations; or bf16's eight bits.
  const float relative = format.dtype == DType::bf16 ? 1.f / 256 : 1e-6f;
  for (int j = 0; j < size; ++j)
    for (int i = 0; i < size; ++i) {
      const float* pixel = &got[std::size_t(((row * size + j) * size + i) * format.channels)];
      const Wanted want = wanted(picture, plan, i, j);
      for (int c = 0; c < 3; ++c)
        wrong += !(std::abs(pixel[c] - want.channel[c]) <=
                   relative * (std::abs(want.channel[c]) + (format.dtype == DType::f32)));
      for (std::int64_t c = 3; c < format.channels; ++c) wrong += pixel[c] != 0;
    }
  return wrong;
}

void make_views(const std::vector<Job>& jobs, const Tensor& images) {
  for (std::size_t k = 0; k < jobs.size(); ++k) {
    const AugmentRequest request = jobs[k].request(std::int64_t(k));
    device().augment({&request, 1}, images);
  }
  device().finish_augment(images);
}

void check_views(const std::vector<Job>& jobs, int size, Format format) {
  const auto count = int(jobs.size());
  const Output out(count + 1, size, format);
  make_views(jobs, out.images);
  const std::vector<float> got = out.all.to_host();
  for (int k = 0; k < count; ++k) {
    CAPTURE(size, format.channels, int(format.dtype), k);
    CHECK(faults(got, k, size, format, jobs[std::size_t(k)].picture, jobs[std::size_t(k)].plan()) ==
          0);
  }
  const auto pixels = std::size_t(count * size * size) * std::size_t(format.channels);
  bool behind = true;  // the row that nobody asked for, and what lies behind
  for (std::size_t at = pixels; at < got.size(); ++at) behind &= got[at] == out.untouched;
  CHECK(behind);
}

// What this backend's pictures are made of; the CPU knows one format.
std::vector<Format> formats() {
  return {{3, DType::f32},  {4, DType::f32},  {8, DType::f32},
          {3, DType::bf16}, {4, DType::bf16}, {8, DType::bf16}};
}

}  // namespace

TEST_CASE("augment kernel: every format and odd sizes, against whole-number sums",
          "[kernels][augment]") {
  for (const Format format : formats())
    for (const int size : {1, 31, 32, 33}) check_views(make_jobs(8, size), size, format);
  check_views(make_jobs(13, 64), 64, {4, DType::f32});
}

TEST_CASE("augment kernel: enlarged corners of a picture, a patch in less than a pixel",
          "[kernels][augment]") {
  std::vector<Job> jobs;
  for (int corner = 0; corner < 4; ++corner) {
    Job job{Picture(40, 50, 2), {}};
    const double x = corner & 1 ? 37.53 : -2.03, y = corner & 2 ? 47.53 : -2.03;
    job.params.to_source = {{1 / 16., 0, x, 0, 1 / 32., y + 1}};
    jobs.push_back(job);
  }
  check_views(jobs, 64, {3, DType::f32});
}

TEST_CASE("augment kernel: the same bits in every order", "[kernels][augment]") {
  const std::vector<Job> jobs = make_jobs(6, 40);
  std::vector<float> first;
  for_each_order([&] {
    const Output out(6, 40, {4, DType::f32});
    make_views(jobs, out.images);
    const std::vector<float> got = out.all.to_host();
    if (first.empty()) first = got;
    CHECK(got == first);
  });
}

TEST_CASE("augment kernel: 16 x 16 samples of white just fit", "[kernels][augment]") {
  Job job{Picture(200, 200, 1), view_pixels({0, {0, 0}, 20, 20, 160, 160, 10})};
  for (auto& level : job.picture.pixels) level = 255;
  job.params.scale = PixelScale::levels;
  job.params.samples_x = job.params.samples_y = 16;
  for (const bool drop : {false, true}) {
    job.params.drop_colour = drop;
    const Output out(1, 10, {3, DType::f32});
    make_views({job}, out.images);
    const std::vector<float> got = out.all.to_host();
    for (std::size_t at = 0; at < 300; ++at) CHECK(got[at] == 255);
  }
}

TEST_CASE("augment kernel: the checker sees planted faults", "[kernels][augment]") {
  const std::vector<Job> jobs = make_jobs(3, 33);
  const Output out(3, 33, {4, DType::f32});
  make_views(jobs, out.images);
  std::vector<float> got = out.all.to_host();
  const Job& job = jobs[1];
  REQUIRE(faults(got, 1, 33, {4, DType::f32}, job.picture, job.plan()) == 0);
  SECTION("a position off by a 256th of a pixel") {
    AugmentPlan plan = job.plan();
    plan.x0 += 1 << (kPositionBits - kWeightBits);
    CHECK(faults(got, 1, 33, {4, DType::f32}, job.picture, plan) > 100);
  }
  SECTION("a NaN, and something in a padding channel") {
    got[33 * 33 * 4] = NAN;
    got[33 * 33 * 4 + 3] = 1e-9f;
    CHECK(faults(got, 1, 33, {4, DType::f32}, job.picture, job.plan()) == 2);
  }
}

TEST_CASE("augment: sources are done with on return, and two views share one",
          "[kernels][augment]") {
  std::vector<Job> jobs = make_jobs(2, 32);
  Job second = jobs[1];
  second.params.border = Border::black;
  second.params.swap_red_blue = !second.params.swap_red_blue;
  const Job kept = jobs[1];
  const Output out(2, 32, {4, DType::f32});
  const AugmentRequest requests[] = {
      jobs[1].request(0),
      {jobs[1].picture.pixels.data(), kept.picture.width, kept.picture.height, second.params, 1}};
  device().augment(requests, out.images);
  for (auto& level : jobs[1].picture.pixels) level = 0;
  device().finish_augment(out.images);
  const std::vector<float> got = out.all.to_host();
  CHECK(faults(got, 0, 32, {4, DType::f32}, kept.picture, kept.plan()) == 0);
  CHECK(faults(got, 1, 32, {4, DType::f32}, kept.picture, second.plan()) == 0);
}

TEST_CASE("augment: from many threads, for several batches at a time", "[kernels][augment]") {
  const std::vector<Job> jobs = make_jobs(12, 20);
  const Output outs[] = {Output(12, 20, {3, DType::f32}), Output(12, 20, {3, DType::f32})};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (std::size_t k = std::size_t(t); k < 24; k += 4) {
        const AugmentRequest request = jobs[k % 12].request(std::int64_t(k % 12));
        device().augment({&request, 1}, outs[k / 12].images);
      }
    });
  for (std::thread& thread : threads) thread.join();
  for (const Output& out : outs) {
    device().finish_augment(out.images);
    const std::vector<float> got = out.all.to_host();
    for (int k = 0; k < 12; ++k)
      CHECK(faults(got, k, 20, {3, DType::f32}, jobs[std::size_t(k)].picture,
                   jobs[std::size_t(k)].plan()) == 0);
  }
}

TEST_CASE("augment: what was asked of pictures that are gone is forgotten", "[kernels][augment]") {
  const std::vector<Job> jobs = make_jobs(2, 32);
  const void* address;
  {
    const Output out(2, 32, {4, DType::f32});
    address = out.images.raw();
    const AugmentRequest request = jobs[1].request(1);
    device().augment({&request, 1}, out.images);
  }
  const Output out(2, 32, {4, DType::f32});
  REQUIRE(out.images.raw() == address);  // the allocator's habit, without which nothing is tested
  const AugmentRequest request = jobs[1].request(0);
  device().augment({&request, 1}, out.images);
  device().finish_augment(out.images);
  const std::vector<float> got = out.all.to_host();
  CHECK(faults(got, 0, 32, {4, DType::f32}, jobs[1].picture, jobs[1].plan()) == 0);
  for (std::size_t at = 32 * 32 * 4; at < got.size(); ++at) REQUIRE(got[at] == out.untouched);
}

TEST_CASE("augment: rows and samples that are not there are refused", "[kernels][augment]") {
  const std::vector<Job> jobs = make_jobs(2, 8);
  const Output out(1, 8, {3, DType::f32});
  AugmentRequest request = jobs[1].request(1);
  CHECK_THROWS_WITH(device().augment({&request, 1}, out.images), Catch::Contains("row 1"));
  request.row = 0;
  request.params.samples_y = 17;
  CHECK_THROWS_WITH(device().augment({&request, 1}, out.images), Catch::Contains("x 17 samples"));
}

TEST_CASE("colour: a reciprocal three units in the last place off rounds to the same",
          "[kernels][augment]") {
  for (const float scale : {30.f, 255.f})
    for (int d = 1; d < 256; ++d) {
      const float exact = scale * 4096 / float(d);
      float low = exact, high = exact;
      for (int k = 0; k < 3; ++k) low = std::nextafter(low, 0.f), high = std::nextafter(high, 1e9f);
      REQUIRE(truncate(low + 0.5f) == truncate(exact + 0.5f));
      REQUIRE(truncate(high + 0.5f) == truncate(exact + 0.5f));
    }
}

}  // namespace peclr::test
