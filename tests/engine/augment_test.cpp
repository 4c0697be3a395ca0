// SPDX-License-Identifier: Apache-2.0
// The fused augmentation against closed forms (a picture whose colours are its coordinates),
// against a reference that does what OpenCV's 8-bit chain does, step by step and in double, and the
// CPU loop against its defining function.
#include <catch2/catch.hpp>
#include <cmath>
#include <complex>
#include <cstring>
#include <vector>

#include "engine/cpu/hot/augment.h"
#include "engine/parallel.h"
#include "kernels/random.h"
#include "tests/support/device.h"
#include "tests/support/files.h"

namespace peclr {
namespace {

struct Picture {
  int width, height;
  std::vector<std::uint8_t> pixels;

  Picture(int w, int h) : width(w), height(h), pixels(4 * std::size_t(w) * h, 255) {}
  std::uint8_t* at(int x, int y) { return &pixels[4 * (std::size_t(y) * width + x)]; }
  void set(int x, int y, int r, int g, int b) {
    at(x, y)[0] = std::uint8_t(r), at(x, y)[1] = std::uint8_t(g), at(x, y)[2] = std::uint8_t(b);
  }
};

// Red is x and green is y, so that the output says where in the source it came from.
Picture coordinates(int width, int height) {
  Picture p(width, height);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) p.set(x, y, x, y, 7);
  return p;
}

// Blurred noise: as detailed as a photograph.
Picture soft_noise(int size, std::uint64_t seed) {
  Rng rng = Rng::of(seed);
  Picture p(size, size);
  std::vector<double> phases(3 * 40 * 4);
  for (double& x : phases) x = rng.uniform();
  for (int y = 0; y < size; ++y)
    for (int x = 0; x < size; ++x) {
      double level[3];
      for (int c = 0; c < 3; ++c) {
        level[c] = 128;
        for (int k = 0; k < 40; ++k) {
          const double* q = &phases[4 * (40 * c + k)];
          level[c] +=
              20 * q[3] * std::sin(0.7 * (q[0] - 0.5) * x + 0.7 * (q[1] - 0.5) * y + 6.2832 * q[2]);
        }
        level[c] = std::round(std::min(255.0, std::max(0.0, level[c])));
      }
      p.set(x, y, int(level[0]), int(level[1]), int(level[2]));
    }
  return p;
}

Picture random_picture(int width, int height, std::uint64_t seed) {
  Rng rng = Rng::of(seed);
  Picture p(width, height);
  for (auto& level : p.pixels) level = std::uint8_t(rng.below(256));
  return p;
}

std::vector<float> run(Picture& picture, const AugmentParams& params, int size) {
  const Tensor out(test::device(), {1, size, size, 3}, DType::f32);
  const AugmentRequest request{picture.pixels.data(), picture.width, picture.height, params, 0};
  test::device().augment({&request, 1}, out);
  test::device().finish_augment(out);
  return out.to_host();
}

AugmentParams levels(const ViewGeometry& geometry) {
  AugmentParams params = view_pixels(geometry);
  params.scale = PixelScale::levels;
  return params;
}

// Where in the source pixel (i, j) of a view lies, from the words of the definition: undo the
// resize, undo the crop, undo a turn that is counter-clockwise on a screen whose y points down.
std::complex<double> source_of(const ViewGeometry& v, double i, double j) {
  const std::complex<double> rotated(v.crop_x - 0.5 + (i + 0.5) * v.crop_width / v.out,
                                     v.crop_y - 0.5 + (j + 0.5) * v.crop_height / v.out);
  const std::complex<double> centre(v.centre.x, v.centre.y);
  return centre + (rotated - centre) * std::polar(1.0, v.angle_deg * std::acos(-1.0) / 180);
}

double psnr(const std::vector<float>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return 10 * std::log10(255.0 * 255 / (sum / double(a.size()) + 1e-12));
}

// OpenCV's chain: rotate on the picture's canvas (bilinear, black, rounded), crop, mean over each
// output pixel's area, rounded.
std::vector<double> area_chain(Picture& p, const ViewGeometry& v) {
  const double angle = v.angle_deg * std::acos(-1.0) / 180;
  const auto level = [&](int x, int y, int c) {
    return x < 0 || y < 0 || x >= p.width || y >= p.height ? 0.0 : double(p.at(x, y)[c]);
  };
  std::vector<double> rotated(3 * std::size_t(p.width) * p.height);
  for (int y = 0; y < p.height; ++y)
    for (int x = 0; x < p.width; ++x) {
      const double dx = x - v.centre.x, dy = y - v.centre.y;
      const double sx = v.centre.x + std::cos(angle) * dx - std::sin(angle) * dy;
      const double sy = v.centre.y + std::sin(angle) * dx + std::cos(angle) * dy;
      const int x0 = int(std::floor(sx)), y0 = int(std::floor(sy));
      const double fx = sx - x0, fy = sy - y0;
      for (int c = 0; c < 3; ++c)
        rotated[3 * (std::size_t(y) * p.width + x) + c] =
            std::round((1 - fy) * ((1 - fx) * level(x0, y0, c) + fx * level(x0 + 1, y0, c)) +
                       fy * ((1 - fx) * level(x0, y0 + 1, c) + fx * level(x0 + 1, y0 + 1, c)));
    }
  std::vector<double> out(3 * std::size_t(v.out) * v.out);
  const double s = v.crop_width / v.out;
  for (int j = 0; j < v.out; ++j)
    for (int i = 0; i < v.out; ++i)
      for (int c = 0; c < 3; ++c) {
        double sum = 0;
        for (int y = int(j * s); y < (j + 1) * s; ++y)
          for (int x = int(i * s); x < (i + 1) * s; ++x) {
            const double wx = std::min<double>(x + 1, (i + 1) * s) - std::max<double>(x, i * s);
            const double wy = std::min<double>(y + 1, (j + 1) * s) - std::max<double>(y, j * s);
            if (wx <= 0 || wy <= 0) continue;
            const std::size_t at = std::size_t(y + v.crop_y) * p.width + std::size_t(x + v.crop_x);
            sum += wx * wy * rotated[3 * at + c];
          }
        out[3 * (std::size_t(j) * v.out + i) + c] = std::round(sum / (s * s));
      }
  return out;
}

}  // namespace

TEST_CASE("geometry: compose, invert and apply agree", "[augment]") {
  const Affine2 a = compose(rotate_about(33, {5, -2}), from_resized_crop(3, 4, 50, 70, 32));
  const Vec2f p{11, 23};
  const Vec2f there = apply(a, p), back = apply(invert(a), there);
  CHECK(back.x == Approx(p.x).margin(1e-4));
  CHECK(back.y == Approx(p.y).margin(1e-4));
  const Vec2f twice =
      apply(rotate_about(33, {5, -2}), apply(from_resized_crop(3, 4, 50, 70, 32), p));
  CHECK(there.x == Approx(twice.x).margin(1e-4));
  CHECK(there.y == Approx(twice.y).margin(1e-4));
}

TEST_CASE("geometry: a positive angle turns counter-clockwise on the screen", "[augment]") {
  const Vec2f right_of_centre{20, 10};
  const Vec2f top = apply(rotate_about(90, {10, 10}), right_of_centre);
  CHECK(top.x == Approx(10).margin(1e-4));
  CHECK(top.y == Approx(0).margin(1e-4));
  // The same seen in pixels.
  Picture p(21, 21);
  std::memset(p.pixels.data(), 0, p.pixels.size());
  p.set(20, 10, 200, 0, 0);
  const auto out = run(p, levels({90, {10, 10}, 0, 0, 21, 21, 21}), 21);
  CHECK(out[3 * 10] == Approx(200).margin(1));  // row 0, column 10
  CHECK(out[3 * (20 * 21 + 10)] == 0);
}

TEST_CASE("pixels lie where the definition says", "[augment]") {
  Picture p = coordinates(250, 240);
  for (const ViewGeometry& v : {ViewGeometry{0, {100, 100}, 20, 30, 90, 90, 90},
                                ViewGeometry{31, {120, 110}, 70, 60, 90, 90, 128},
                                ViewGeometry{-44, {119.5f, 121.25f}, 60.3, 70.7, 100, 80, 64},
                                ViewGeometry{17, {120, 120}, 60, 60, 120, 120, 50},
                                ViewGeometry{-45, {120, 120}, 60, 60, 120, 120, 33}}) {
    const auto out = run(p, levels(v), v.out);
    const auto error = [&](ViewGeometry claimed) {
      double worst = 0;
      for (int j = 0; j < v.out; ++j)
        for (int i = 0; i < v.out; ++i) {
          const std::complex<double> want = source_of(claimed, i, j);
          const float* got = &out[3 * (std::size_t(j) * v.out + i)];
          worst = std::max({worst, std::abs(got[0] - want.real()), std::abs(got[1] - want.imag()),
                            std::abs(got[2] - 7.0)});
        }
      return worst;
    };
    CHECK(error(v) < 0.01);  // positions are rounded to 1/256 pixel
    // Planted faults: a wrong sign of the angle, half a pixel lost.
    ViewGeometry mirrored = v, half = v;
    mirrored.angle_deg = -v.angle_deg;
    half.crop_x += 0.5;
    if (v.angle_deg != 0) CHECK(error(mirrored) > 10);
    CHECK(error(half) > 0.3);
  }
}

TEST_CASE("a dot lands on its transformed keypoint", "[augment]") {
  Picture p(200, 160);
  std::memset(p.pixels.data(), 0, p.pixels.size());
  for (int y = 78; y <= 82; ++y)
    for (int x = 118; x <= 122; ++x) p.set(x, y, 250, 250, 250);
  for (double side : {90.0, 128.0, 150.0}) {
    const ViewGeometry v{-38, {105, 70}, 105 - side / 2, 70 - side / 2, side, side, 128};
    const AugmentParams params = levels(v);
    const auto out = run(p, params, v.out);
    double x = 0, y = 0, sum = 0;
    for (int j = 0; j < v.out; ++j)
      for (int i = 0; i < v.out; ++i) {
        const double w = out[3 * (std::size_t(j) * v.out + i)];
        x += w * i, y += w * j, sum += w;
      }
    const Vec2f want = apply(invert(params.to_source), {120, 80});
    CHECK(x / sum == Approx(want.x).margin(0.02));
    CHECK(y / sum == Approx(want.y).margin(0.02));
  }
}

TEST_CASE("close to OpenCV's 8-bit chain", "[augment]") {
  Picture p = soft_noise(224, 3);
  for (const ViewGeometry& v : {ViewGeometry{0, {112, 112}, 25, 25, 174, 174, 128},
                                ViewGeometry{33, {112, 112}, 25, 25, 174, 174, 128},
                                ViewGeometry{-27, {105, 118}, 32, 52, 154, 154, 128},
                                ViewGeometry{0, {112, 112}, 1, 1, 222, 222, 128},
                                ViewGeometry{12, {112, 112}, 1, 1, 222, 222, 64}}) {
    const auto want = area_chain(p, v);
    CHECK(psnr(run(p, levels(v), v.out), want) > 48);
    ViewGeometry faulty = v;
    faulty.angle_deg += 1;
    CHECK(psnr(run(p, levels(faulty), v.out), want) < 40);
  }
}

TEST_CASE("outside is black or mirrored", "[augment]") {
  Picture p = coordinates(64, 64);
  const ViewGeometry v{0, {0, 0}, -10, -20, 100, 100, 100};
  AugmentParams params = levels(v);
  const auto black = run(p, params, 100);
  params.border = Border::reflect;
  const auto mirrored = run(p, params, 100);
  for (int j = 0; j < 100; ++j)
    for (int i = 0; i < 100; ++i) {
      const int x = i - 10, y = j - 20;
      const bool inside = x >= 0 && x < 64 && y >= 0 && y < 64;
      const int fold_x = std::abs(x) > 63 ? 126 - x : std::abs(x);
      const int fold_y = std::abs(y) > 63 ? 126 - y : std::abs(y);
      const float* b = &black[3 * (std::size_t(j) * 100 + i)];
      const float* m = &mirrored[3 * (std::size_t(j) * 100 + i)];
      REQUIRE(b[0] == (inside ? x : 0));
      REQUIRE(b[1] == (inside ? y : 0));
      REQUIRE(b[2] == (inside ? 7 : 0));
      REQUIRE(m[0] == fold_x);
      REQUIRE(m[1] == fold_y);
      REQUIRE(m[2] == 7);
    }
}

TEST_CASE("black blends in over the outermost half pixel", "[augment]") {
  Picture p(4, 4);
  for (auto& level : p.pixels) level = 200;
  AugmentParams params = levels({0, {0, 0}, -0.25, 0, 4, 4, 4});
  CHECK(run(p, params, 4)[0] == 150);  // a quarter of a pixel outside
  params.border = Border::reflect;
  CHECK(run(p, params, 4)[0] == 200);
}

TEST_CASE("hue, saturation and value of pure colours", "[augment]") {
  struct Case {
    Rgb rgb;
    float h, s, v;
  };
  for (const Case& c :
       {Case{{255, 0, 0}, 0, 255, 255}, Case{{0, 255, 0}, 60, 255, 255},
        Case{{0, 0, 255}, 120, 255, 255}, Case{{255, 255, 0}, 30, 255, 255},
        Case{{0, 255, 255}, 90, 255, 255}, Case{{255, 0, 255}, 150, 255, 255},
        Case{{128, 0, 0}, 0, 255, 128}, Case{{200, 50, 50}, 0, 191, 200},
        Case{{77, 77, 77}, 0, 0, 77}, Case{{0, 0, 0}, 0, 0, 0}, Case{{255, 255, 255}, 0, 0, 255}}) {
    const Hsv got = rgb_to_hsv(c.rgb);
    CHECK(got.h == c.h);
    CHECK(got.s == c.s);
    CHECK(got.v == c.v);
    const Rgb back = hsv_to_rgb(got);
    CHECK(std::abs(back.r - c.rgb.r) <= 1);
    CHECK(std::abs(back.g - c.rgb.g) <= 1);
    CHECK(std::abs(back.b - c.rgb.b) <= 1);
  }
}

TEST_CASE("colour conversions against the textbook's formulas", "[augment]") {
  for (int r = 0; r < 256; r += 5)
    for (int g = 0; g < 256; g += 3)
      for (int b = 0; b < 256; b += 5) {
        const double v = std::max({r, g, b}), range = v - std::min({r, g, b});
        double hue = 0;
        if (range > 0) {
          if (v == r)
            hue = 60 * (g - b) / range;
          else if (v == g)
            hue = 120 + 60 * (b - r) / range;
          else
            hue = 240 + 60 * (r - g) / range;
        }
        const Hsv got = rgb_to_hsv({float(r), float(g), float(b)});
        const double off = std::abs(got.h - hue / 2);
        REQUIRE(std::min(off, 180 - off) <= 0.62);  // OpenCV's reciprocal costs a few hundredths
        REQUIRE(std::abs(got.s - (v > 0 ? 255 * range / v : 0)) <= 0.62);
        REQUIRE(got.v == v);
        REQUIRE((got.h >= 0 && got.h < 180));

        const double c = got.v * got.s / 255.0, position = got.h / 30.0;
        const double x = c * (1 - std::abs(std::fmod(position, 2.0) - 1)), m = got.v - c;
        const double sectors[6][3] = {{c, x, 0}, {x, c, 0}, {0, c, x},
                                      {0, x, c}, {x, 0, c}, {c, 0, x}};
        const double* want = sectors[int(position)];
        const Rgb back = hsv_to_rgb(got);
        const float channels[3] = {back.r, back.g, back.b};
        for (int k = 0; k < 3; ++k) REQUIRE(channels[k] == std::floor(want[k] + m + 1e-6));
      }
}

TEST_CASE("colour jitter by hand", "[augment]") {
  const Hsv half_hue = jitter_hsv({61, 200, 100}, {0.5f, 0.35f, 0.8f, 12});
  CHECK(half_hue.h == 30);  // 30.5, truncated
  CHECK(half_hue.s == 70);
  CHECK(half_hue.v == 92);
  const Hsv limited = jitter_hsv({170, 200, 250}, {1.3f, 2, 1, 20});
  CHECK(limited.h == 221 - 180);  // round the circle
  CHECK(limited.s == 255);
  CHECK(limited.v == 255);
  CHECK(jitter_hsv({0, 0, 3}, {1, 1, 1, -20}).v == 0);

  Picture p(2, 2);
  for (int k = 0; k < 4; ++k) p.set(k % 2, k / 2, 0, 240, 0);
  AugmentParams params = levels({0, {0, 0}, 0, 0, 2, 2, 2});
  params.jitter_colour = true;
  params.jitter = {0.5f, 1, 0.5f, 10};
  const auto yellow = run(p, params, 2);
  CHECK((yellow[0] == 130 && yellow[1] == 130 && yellow[2] == 0));
  params.jitter = {0.25f, 1, 1, 0};  // hue 15 of 60: orange
  const auto orange = run(p, params, 2);
  CHECK((orange[0] == 240 && orange[1] == 120 && orange[2] == 0));
  // With red and blue exchanged yellow-green is reached from the other side: green to cyan.
  params.swap_red_blue = true;
  const auto exchanged = run(p, params, 2);
  CHECK((exchanged[0] == 0 && exchanged[1] == 120 && exchanged[2] == 240));
}

TEST_CASE("colour drop takes the luma", "[augment]") {
  Picture p(2, 2);
  for (int k = 0; k < 4; ++k) p.set(k % 2, k / 2, 200, 100, 50);
  AugmentParams params = levels({0, {0, 0}, 0, 0, 2, 2, 2});
  params.drop_colour = true;
  const auto grey = run(p, params, 2);
  CHECK((grey[0] == 124 && grey[1] == 124 && grey[2] == 124));  // 59.8 + 58.7 + 5.7
  params.swap_red_blue = true;
  CHECK(run(p, params, 2)[0] == 96);  // 14.95 + 58.7 + 22.8
}

TEST_CASE("normalisation by ImageNet's statistics", "[augment]") {
  Picture p(2, 2);
  for (int k = 0; k < 4; ++k) p.set(k % 2, k / 2, 201, 100, 0);
  AugmentParams params = view_pixels({0, {0, 0}, 0, 0, 2, 2, 2});
  for (bool drop : {false, true}) {
    params.drop_colour = drop;
    const auto out = run(p, params, 2);
    const double grey = std::floor(0.299 * 201 + 0.587 * 100 + 0.5);
    CHECK(out[0] == Approx(((drop ? grey : 201) / 255 - 0.485) / 0.229).epsilon(1e-5));
    CHECK(out[1] == Approx(((drop ? grey : 100) / 255 - 0.456) / 0.224).epsilon(1e-5));
    CHECK(out[2] == Approx(((drop ? grey : 0) / 255 - 0.406) / 0.225).epsilon(1e-5));
  }
}

TEST_CASE("the loop equals the pixel function to the bit, for any number of threads", "[augment]") {
  constexpr float kSentinel = -12345;
  Rng rng = Rng::of(8);
  for (int size : {1, 17, 64, 100, 128}) {
    std::vector<Picture> pictures;
    std::vector<AugmentJob> jobs;
    std::vector<std::vector<float>> outputs;
    for (int k = 0; k < 12; ++k) {
      const int width = k == 0 ? 2 : 40 + int(rng.below(100));
      const int height = k == 0 ? 2 : 40 + int(rng.below(100));
      pictures.push_back(random_picture(width, height, std::uint64_t(k)));
      const double side = rng.uniform(20, 300);
      ViewGeometry v{rng.uniform(-180, 180),
                     {rng.uniform(0, 90), rng.uniform(0, 90)},
                     rng.uniform(-99, 40),
                     rng.uniform(-99, 40),
                     side,
                     side * 0.8,
                     size};
      AugmentParams params = view_pixels(v);
      params.border = k % 2 ? Border::reflect : Border::black;
      params.scale = k % 3 ? PixelScale::imagenet : PixelScale::levels;
      params.jitter_colour = k % 4 != 0;
      params.drop_colour = k % 5 == 0;
      params.swap_red_blue = k % 7 > 3;
      params.jitter = {rng.uniform(0.01f, 1), rng.uniform(0.01f, 1), rng.uniform(0.5f, 1),
                       rng.uniform(5, 20)};
      outputs.emplace_back(3 * std::size_t(size) * size + 1, kSentinel);
      jobs.push_back({nullptr, width, height, params, nullptr});
    }
    for (std::size_t k = 0; k < jobs.size(); ++k) {
      jobs[k].source = pictures[k].pixels.data();
      jobs[k].out = outputs[k].data();
    }
    for (int threads : {1, 3}) {
      set_threads(threads);
      for (auto& out : outputs) out.assign(out.size(), kSentinel);
      augment(jobs.data(), std::int64_t(jobs.size()), size);
      for (std::size_t k = 0; k < jobs.size(); ++k) {
        const AugmentPlan plan = plan_augment(jobs[k].params, jobs[k].width, jobs[k].height);
        const float* got = outputs[k].data();
        std::int64_t different = 0;
        for (int j = 0; j < size; ++j)
          for (int i = 0; i < size; ++i, got += 3) {
            const Rgb want = augment_pixel(plan, jobs[k].source, i, j);
            different += got[0] != want.r || got[1] != want.g || got[2] != want.b;
          }
        CHECK(different == 0);
        CHECK(outputs[k].back() == kSentinel);
      }
    }
    set_threads(0);
  }
}

TEST_CASE("a row that the batch does not have is refused", "[augment]") {
  Picture picture = coordinates(16, 16);
  const Tensor out(test::device(), {2, 8, 8, 3}, DType::f32);
  const AugmentParams params = levels({0, {8, 8}, 0, 0, 16, 16, 8});
  for (const std::int64_t row : {-1, 2}) {
    const AugmentRequest request{picture.pixels.data(), picture.width, picture.height, params, row};
    const test::Caught error = test::caught([&] { test::device().augment({&request, 1}, out); });
    CHECK(error.names(fmt::format("augment: row {} of pictures [2, 8, 8, 3]", row)));
  }
}

TEST_CASE("positions are rounded to the nearest 2^-15 of a pixel", "[augment]") {
  AugmentParams params;
  params.to_source = {{1.0 / 3, -1.0 / 3, 2.0 / 3, -2.0 / 3, 5.0 / 3, -5.0 / 3}};
  const AugmentPlan plan = plan_augment(params, 16, 16);
  // 32768 / 3 is 10922.67.
  CHECK((plan.xi == 10923 && plan.xj == -10923 && plan.x0 == 21845));
  CHECK((plan.yi == -21845 && plan.yj == 54613 && plan.y0 == -54613));
}

TEST_CASE("positions that do not fit are told", "[augment]") {
  CHECK(positions_fit(from_resized_crop(-60000, 60000, 5000, 5000, 128), 128));
  CHECK_FALSE(positions_fit(from_resized_crop(-60000, 60000, 9000, 9000, 128), 128));
  CHECK_FALSE(positions_fit(from_resized_crop(NAN, 0, 90, 90, 128), 128));
  CHECK(samples_for(0.5) == 1);
  CHECK(samples_for(1.0000001) == 1);
  CHECK(samples_for(1.01) == 2);
  CHECK(samples_for(1e300) == 16);
}

}  // namespace peclr
